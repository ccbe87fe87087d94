#include "tessera/segmentation/sam/sam_files.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/segmentation/sam/padded_sam_testing.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::segmentation {
namespace {

using tessera::testing::TemporaryFolder;

template <typename Action>
std::string io_error(const Action& action) {
  try {
    action();
  } catch (const IoError& error) {
    return error.what();
  }
  return "";
}

#define EXPECT_IN(part, text) \
  EXPECT_NE((text).find(part), std::string::npos) << "in: \"" << (text) << "\""

std::shared_ptr<Sam> random_sam(const SamConfig& config = padded_sam_config()) {
  auto sam = std::make_shared<Sam>(config);
  sam->initialise(3);
  return sam;
}

at::Tensor masks_of(const Sam& sam) {
  const at::NoGradGuard no_grad;
  const auto images = at::ones({1, 3, sam.config.image_size, sam.config.image_size});
  Sam::Prompts prompts;
  prompts.boxes = at::ones({1, 4}) * 9;
  return sam.decode(sam.encode_image(images), prompts, true).logits;
}

nn::Weights weights_of(Sam& sam) {
  nn::Weights weights;
  weights.source = "some.pth";
  weights.tensors = nn::module_tensors({{"", &sam}});
  return weights;
}

TEST(SamFiles, FolderGivesBackTheModel) {
  const TemporaryFolder folder;
  SamConfig config = padded_sam_config();
  config.pixel_mean = {1, 2.5, 3};
  const auto sam = random_sam(config);
  save_sam(*sam, folder / "sam", at::kFloat, {{"seed", "3"}});
  const auto back = load_sam(folder / "sam");
  EXPECT_EQ(back->config, config);
  EXPECT_EQ(sam_digest(*back), sam_digest(*sam));
  EXPECT_TRUE(at::equal(masks_of(*back), masks_of(*sam)));
  EXPECT_EQ(nn::load_weights(folder / "sam").metadata.at("seed"), "3");
}

TEST(SamFiles, HalfPrecisionKeepsTheFrequenciesOfCoordinates) {
  const TemporaryFolder folder;
  const auto sam = random_sam();
  save_sam(*sam, folder / "sam", at::kHalf);
  const auto stored = nn::load_weights(folder / "sam").tensors;
  const std::string name = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";
  EXPECT_TRUE(at::equal(stored.at(name), weights_of(*sam).tensors.at(name)));
  EXPECT_EQ(stored.at("mask_decoder.iou_token.weight").scalar_type(), at::kHalf);
  const auto want = masks_of(*sam);
  EXPECT_TRUE(at::allclose(masks_of(*load_sam(folder / "sam")), want, 0,
                           0.02 * want.abs().max().item<double>()));
}

TEST(SamFiles, BareFileTellsItsConfiguration) {
  const TemporaryFolder folder;
  const auto sam = random_sam();
  nn::save_weights(folder / "bare.safetensors", weights_of(*sam).tensors);
  const auto back = load_sam(folder / "bare.safetensors");
  // Eight heads are SAM's; a file does not tell.
  EXPECT_EQ(back->config, sam->config);
  EXPECT_TRUE(at::equal(masks_of(*back), masks_of(*sam)));
}

TEST(SamFiles, BareFileWithoutAbsolutePositionsTellsTheGrid) {
  SamConfig config = padded_sam_config();
  config.has_absolute_positions = false;
  const auto sam = random_sam(config);
  EXPECT_EQ(infer_sam_config(weights_of(*sam)), config);
}

TEST(SamFiles, OfficialSizesAreInferred) {
  for (const auto& config : {sam_vit_b(), demo_sam_config()}) {
    Sam sam(config);
    const auto inferred = infer_sam_config(weights_of(sam));
    EXPECT_EQ(inferred, config) << config.embed_dim;
  }
}

TEST(SamFiles, RefusalsNameTheTensor) {
  const auto sam = random_sam();
  auto weights = weights_of(*sam);
  weights.tensors.erase("image_encoder.patch_embed.proj.weight");
  EXPECT_IN(
      "some.pth: must be an official SAM checkpoint (or its `state_dict`), with tensor "
      "\"image_encoder.patch_embed.proj.weight\"",
      io_error([&] { infer_sam_config(weights); }));
  weights = weights_of(*sam);
  weights.tensors["image_encoder.blocks.0.attn.rel_pos_h"] = at::ones({6, 8});
  EXPECT_IN("must have an odd number of rows, got: 6",
            io_error([&] { infer_sam_config(weights); }));
  weights = weights_of(*sam);
  weights.tensors["image_encoder.blocks.x.norm1.weight"] = at::ones({6});
  EXPECT_IN("must be numbered from 0 on", io_error([&] { infer_sam_config(weights); }));
}

TEST(SamFiles, FolderThatDoesNotFitIsRefused) {
  const TemporaryFolder folder;
  save_sam(*random_sam(), folder / "sam");
  SamConfig other = padded_sam_config();
  other.depth = 3;
  write_file(folder / "sam/config.json", sam_config_json(other));
  EXPECT_IN("missing: \"image_encoder.blocks.2.attn.proj.bias\"",
            io_error([&] { load_sam(folder / "sam"); }));
  EXPECT_IN("absent", io_error([&] { load_sam(folder / "absent.pth"); }));
}

TEST(SamFiles, DigestSeesEveryWeightAndTheConfiguration) {
  const auto sam = random_sam();
  const auto before = sam_digest(*sam);
  EXPECT_EQ(before, sam_digest(*sam));
  const at::NoGradGuard no_grad;
  sam->named_parameters().back().value().view({-1})[0] += 1e-3;
  EXPECT_NE(before, sam_digest(*sam));
  auto other = random_sam();
  other->config.pixel_std[0] = 1;
  EXPECT_NE(before, sam_digest(*other));
}

}  // namespace
}  // namespace tessera::segmentation
