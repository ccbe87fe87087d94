// Our SAM against Meta's package segment-anything 1.0, part by part and gradient by gradient.
#include <filesystem>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/square.h>
#include <gtest/gtest.h>

#include "tessera/core/env.h"
#include "tessera/core/error.h"
#include "tessera/segmentation/sam/image_encoder.h"
#include "tessera/segmentation/sam/mask_decoder.h"
#include "tessera/segmentation/sam/prompt_encoder.h"
#include "tessera/segmentation/sam/sam_files.h"
#include "tessera/segmentation/sam/padded_sam_testing.h"

namespace tessera::segmentation {
namespace {

// Results are of size one to twenty; the sums behind them have at most a few hundred terms here
// and some thousand in SAM ViT-B, whose roundings of 6e-8 add up to less than this.
constexpr double kTolerance = 1e-4;

struct Golden {
  std::shared_ptr<Sam> sam;
  nn::NamedTensors values;

  const at::Tensor& operator[](const std::string& name) const { return values.at(name); }

  template <typename Part>
  const Part& part(const char* name) const {
    return dynamic_cast<const Part&>(*sam->named_children()[name]);
  }
};

/// Takes the entries "golden.x" out of the weights, as "x".
nn::NamedTensors take_golden(nn::Weights& weights) {
  nn::NamedTensors values;
  for (auto entry = weights.tensors.begin(); entry != weights.tensors.end();) {
    if (!entry->first.starts_with("golden.")) {
      ++entry;
      continue;
    }
    values[entry->first.substr(7)] = entry->second;
    entry = weights.tensors.erase(entry);
  }
  return values;
}

/// Made by tests/golden/make_sam_golden.py; loaded once.
Golden& tiny() {
  static Golden loaded = [] {
    auto weights =
        nn::load_weights(std::string(TESSERA_SOURCE_DIR) + "/tests/golden/sam_tiny.safetensors");
    Golden golden;
    golden.values = take_golden(weights);
    golden.sam = std::make_shared<Sam>(padded_sam_config());
    nn::load_modules(weights, {{"", golden.sam.get()}});
    return golden;
  }();
  return loaded;
}

void expect_close(const std::string& name, const at::Tensor& got, const at::Tensor& want) {
  ASSERT_EQ(got.sizes(), want.sizes()) << name;
  if (want.numel() == 0) return;
  const double worst = (got - want).abs().max().item<double>();
  EXPECT_LE(worst, kTolerance) << name << ", largest " << want.abs().max().item<double>();
  ::testing::Test::RecordProperty("max_abs_" + name, concat(worst));
}

const std::vector<std::string> kKinds = {"points", "boxes", "masks", "points_boxes", "all", "none"};

Sam::Prompts prompts_of(const Golden& golden, const std::string& kind) {
  Sam::Prompts prompts;
  if (kind.starts_with("points") || kind == "all") {
    prompts.points = golden["points"];
    prompts.labels = golden["labels"];
  }
  if (kind.ends_with("boxes") || kind == "all") prompts.boxes = golden["boxes"];
  if (kind == "masks" || kind == "all") prompts.masks = golden["masks"];
  return prompts;
}

void expect_masks(const Golden& golden, const at::Tensor& embedding, const std::string& kind) {
  const auto prompts = prompts_of(golden, kind);
  for (const bool multimask : {false, true}) {
    const auto masks = golden.sam->decode(embedding, prompts, multimask);
    const std::string name = kind + (multimask ? ".multi" : ".single");
    expect_close(name, masks.logits, golden[name]);
    expect_close(name + "_iou", masks.iou, golden[name + "_iou"]);
  }
}

TEST(SamParity, PictureIsNormalisedThenPadded) {
  expect_close("image", tiny().sam->normalise(tiny()["picture"]), tiny()["image"]);
}

// With and without gradients the encoder takes different ways.
class SamEncoderParity : public ::testing::TestWithParam<bool> {};

TEST_P(SamEncoderParity, PartsOfTheEncoderAreThoseOfMeta) {
  const auto& g = tiny();
  const at::AutoGradMode mode(GetParam());
  const auto& encoder = g.part<ImageEncoder>("image_encoder");
  const auto first = encoder.blocks[0]->forward(g["patches"] + encoder.pos_embed);
  expect_close("window_block", first, g["window_block"]);
  expect_close("global_block", encoder.blocks[1]->forward(g["window_block"]), g["global_block"]);
  expect_close("embedding", g.sam->encode_image(g["image"]), g["embedding"]);
}

INSTANTIATE_TEST_SUITE_P(Gradients, SamEncoderParity, ::testing::Bool());

TEST(SamParity, PromptsAreEncodedAsMetaDoes) {
  const auto& g = tiny();
  const auto& encoder = g.part<PromptEncoder>("prompt_encoder");
  for (const auto& kind : kKinds) {
    const auto prompts = prompts_of(g, kind);
    const auto sparse = encoder.sparse(prompts);
    expect_close(kind + ".sparse", sparse, g[kind + ".sparse"]);
    const auto dense = prompts.masks.defined() ? encoder.dense(prompts.masks)
                                               : g.sam->no_mask_dense(sparse.size(0));
    expect_close(kind + ".dense", dense.slice(2, 0, 2), g[kind + ".dense"]);
  }
}

TEST(SamParity, TransformerIsThatOfMeta) {
  const auto& g = tiny();
  const auto [read, keys] =
      g.part<MaskDecoder>("mask_decoder")
          .transformer->forward(g["transformer.image"], g["transformer.places"],
                                g["transformer.tokens"]);
  expect_close("transformer.read", read, g["transformer.read"]);
  expect_close("transformer.keys", keys, g["transformer.keys"]);
}

TEST(SamParity, MasksForAllKindsOfPromptAreThoseOfMeta) {
  for (const auto& kind : kKinds) expect_masks(tiny(), tiny()["embedding"], kind);
}

TEST(SamParity, WholeModelIsThatOfMeta) {
  const auto& g = tiny();
  expect_masks(g, g.sam->encode_image(g.sam->normalise(g["picture"])), "all");
}

/// The loss of make_sam_golden.py.
at::Tensor golden_loss(const Golden& g) {
  Sam::Prompts all{g["gradient_points"], g["gradient_labels"], g["gradient_boxes"],
                   g["gradient_masks"]};
  const auto embedding = g.sam->encode_image(g["image"]);
  const auto term = [&](const Sam::Masks& masks, const char* weights) {
    return (masks.logits * g[weights]).mean() + masks.iou.square().mean();
  };
  const auto none = g.sam->decode(embedding, {}, false).logits.square().mean();
  return term(g.sam->decode(embedding, all, false), "loss_weights.0") +
         term(g.sam->decode(embedding, all, true), "loss_weights.1") + none;
}

TEST(SamParity, EveryGradientIsThatOfMeta) {
  const auto& g = tiny();
  g.sam->zero_grad();
  const auto loss = golden_loss(g);
  expect_close("loss", loss.view({1}), g["loss"]);
  loss.backward();
  for (const auto& entry : g.sam->named_parameters()) {
    ASSERT_TRUE(entry.value().grad().defined()) << entry.key();
    const auto& want = g["gradient." + entry.key()];
    const double scale = std::max(1.0, want.abs().max().item<double>());
    expect_close(entry.key(), entry.value().grad() / scale, want / scale);
  }
}

/// SAM ViT-B at its true sizes; the folder is made by `make_sam_golden.py --full FOLDER`.
TEST(SamParity, TrueSize) {
  const auto folder = env::sam_golden_folder();
  if (!folder) GTEST_SKIP() << "set TESSERA_SAM_GOLDEN to a folder of make_sam_golden.py --full";
  const at::NoGradGuard no_grad;
  auto outputs = nn::load_weights(std::filesystem::path(*folder) / "outputs.safetensors");
  Golden golden;
  golden.values = take_golden(outputs);
  golden.sam = load_sam(std::filesystem::path(*folder) / "sam_vit_b.pth");
  EXPECT_EQ(golden.sam->config, sam_vit_b());
  const auto embedding = golden.sam->encode_image(golden.sam->normalise(golden["picture"]));
  expect_close("embedding", embedding, golden["embedding"]);
  for (const auto& kind : kKinds) expect_masks(golden, golden["embedding"], kind);
  expect_masks(golden, embedding, "points_boxes");  // from picture to masks
}

}  // namespace
}  // namespace tessera::segmentation
