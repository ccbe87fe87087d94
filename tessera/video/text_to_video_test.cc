#include "tessera/video/text_to_video.h"

#include <cmath>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/nn/film_tensor.h"
#include "tessera/testing/temporary_folder.h"
#include "tessera/video/schedulers/flow_unipc.h"
#include "tessera/video/wan/dit.h"
#include "tessera/video/word_encoder.h"

namespace tessera::video {
namespace {

VideoModel tiny_model(Prediction prediction = Prediction::kVelocity) {
  VideoConfig config;
  config.dit.dim = 24;
  config.dit.num_heads = 2;
  config.dit.num_layers = 2;
  config.dit.ffn_dim = 32;
  config.dit.in_channels = config.dit.out_channels = 3;
  config.dit.text_dim = 8;
  config.dit.text_len = 4;
  config.prediction = prediction;
  config.defaults = {.frames = 4, .width = 16, .height = 12, .fps = 8, .steps = 4};
  config.attention = {.q_tile = 16, .kv_tile = 16};
  auto model = make_video_model(config, Vocabulary::parse("a\nred\nblue\n", "vocab.txt"));
  initialise_weights(*model.dit, 1);
  initialise_weights(*model.words, 2);
  // The head of a new model is zero, and its attention nearly uniform: neither shows an error.
  const at::NoGradGuard no_grad;
  const auto generator = at::detail::createCPUGenerator(3);
  for (const auto& entry : model.dit->named_parameters()) {
    auto parameter = entry.value();
    if (entry.key() == "head.head.weight") parameter.normal_(0, 0.2, generator);
    if (entry.key().ends_with("norm_q.weight")) parameter.fill_(6);
  }
  return model;
}

VideoRequest request_for(const VideoModel& model, const std::string& prompt = "a red") {
  auto request = default_request(model.config);
  request.prompt = prompt;
  request.seed = 5;
  request.attention.policy = attention::MaxGapPolicy{.threshold = -2};
  return request;
}

TEST(GenerateVideo, GivesAFilmOfTheSizeAskedFor) {
  const auto model = tiny_model();
  const auto video = generate_video(model, request_for(model));
  EXPECT_EQ(video.frames.sizes(), (std::vector<int64_t>{4, 12, 16, 3}));
  EXPECT_EQ(video.frames.scalar_type(), at::kByte);
  EXPECT_TRUE(at::equal(video.frames, nn::to_bytes(video.sample)));
  EXPECT_TRUE(video.is_complete);
  EXPECT_EQ(video.fps, 8);
}

TEST(GenerateVideo, IsAFunctionOfSeedAndPrompt) {
  const auto model = tiny_model();
  auto request = request_for(model);
  const auto first = generate_video(model, request);
  EXPECT_TRUE(at::equal(generate_video(model, request).sample, first.sample));
  request.prompt = "a blue";
  EXPECT_FALSE(at::equal(generate_video(model, request).sample, first.sample));
  request.prompt = "a red";
  request.seed = 6;
  EXPECT_FALSE(at::equal(generate_video(model, request).sample, first.sample));
}

class OneStep : public ::testing::TestWithParam<Prediction> {};

TEST_P(OneStep, IsTheFormulaOfItsKindOfPrediction) {
  const auto model = tiny_model(GetParam());
  auto request = request_for(model);
  request.steps = 1;
  request.guidance = 3;
  request.attention.mode = AttentionMode::kDense;
  const auto got = generate_video(model, request).sample;

  const at::NoGradGuard no_grad;
  const auto noise = at::randn({3, 4, 12, 16}, at::detail::createCPUGenerator(5), at::kFloat);
  const auto x = noise.unsqueeze(0);
  const auto output = [&](const std::vector<int64_t>& words) {
    const auto context = model.words->forward(pad_ids(words, 4).unsqueeze(0));
    return model.dit->forward(x, at::full({1}, 999), context, torch_self_attention())[0];
  };
  const auto with = output({0, 1}), without = output({});
  const auto mixed = without + 3 * (with - without);  // x0 is linear in it for every kind
  const double sigma = FlowUniPc(1, request.shift).sigmas()[0];
  const double variance = (1 - sigma) * (1 - sigma) / 4 + sigma * sigma;
  const auto want =
      GetParam() == Prediction::kVelocity ? noise - mixed * sigma
      : GetParam() == Prediction::kSample
          ? mixed
          : noise * ((1 - sigma) / 4 / variance) + mixed * (sigma / 2 / std::sqrt(variance));
  // fp32 roundings of values below 30, through two layers and two kinds of attention.
  EXPECT_LT((got - want).abs().max().item<float>(), 2e-4);
}

INSTANTIATE_TEST_SUITE_P(Predictions, OneStep,
                         ::testing::Values(Prediction::kVelocity, Prediction::kSample,
                                           Prediction::kPreconditioned));

TEST(GenerateVideo, LiteThatDropsNothingIsDenseToTheBit) {
  const auto model = tiny_model();
  auto request = request_for(model);
  request.attention.policy = attention::MaxGapPolicy{.threshold = -1e30f};
  const auto lite = generate_video(model, request);
  request.attention.mode = AttentionMode::kDense;
  EXPECT_TRUE(at::equal(lite.sample, generate_video(model, request).sample));
}

TEST(GenerateVideo, TokenOrderChangesADenseFilmByRoundingAndALiteOneByItsTiles) {
  const auto model = tiny_model();
  const auto sample = [&](AttentionMode mode, attention::TokenOrderKind order) {
    auto request = request_for(model);
    request.attention.mode = mode;
    request.attention.token_order = order;
    request.attention.token_box = {2, 2, 4};
    return generate_video(model, request).sample;
  };
  using Order = attention::TokenOrderKind;
  const auto dense = sample(AttentionMode::kDense, Order::kRaster);
  const auto lite = sample(AttentionMode::kLite, Order::kRaster);
  for (const Order order : {Order::kHilbert, Order::kBoxes}) {
    // As in OneStep, four steps.
    const auto dense_too = sample(AttentionMode::kDense, order);
    EXPECT_FALSE(at::equal(dense_too, dense));
    EXPECT_LT((dense_too - dense).abs().max().item<float>(), 8e-4);
    EXPECT_GT((sample(AttentionMode::kLite, order) - lite).abs().max().item<float>(), 1e-2);
  }
}

TEST(GenerateVideo, LaysTokensOutAlongTheCurveUnlessTold) {
  const auto model = tiny_model();
  auto request = request_for(model);
  const auto spec = token_order_spec(model.config, request);
  EXPECT_EQ(spec.kind, attention::TokenOrderKind::kHilbert);
  EXPECT_EQ(spec.grid, (attention::TokenExtents{4, 6, 8}));
  request.attention.token_order = attention::TokenOrderKind::kBoxes;
  request.attention.token_box = {1, 2, 3};
  EXPECT_EQ(token_order_spec(model.config, request).box, (attention::TokenExtents{1, 2, 3}));
}

TEST(GenerateVideo, TellsWhatEachLayerAndStreamDid) {
  const auto model = tiny_model();
  auto request = request_for(model);
  request.attention.dense_first_steps = 1;
  const auto video = generate_video(model, request);
  ASSERT_EQ(video.steps.size(), 4u);
  int64_t left_out = 0;
  for (const auto& step : video.steps) {
    ASSERT_EQ(step.tiles.size(), 4u);  // two layers, two streams
    for (const auto& [stream, layer, tiles, mass, recall] : step.tiles) {
      EXPECT_EQ(tiles.total, 2 * 12 * 12);  // 192 tokens in tiles of 16, two heads
      left_out += tiles.total - tiles.visited;
      EXPECT_TRUE(step.step >= 2 || tiles.visited == tiles.total);
    }
  }
  EXPECT_GT(left_out, 0);
  EXPECT_EQ(video.steps[0].timestep, 999);
  EXPECT_FALSE(video.attention_backend.empty());
}

TEST(GenerateVideo, WithoutGuidanceThereIsOnePass) {
  const auto model = tiny_model();
  auto request = request_for(model);
  request.guidance = 1;
  const auto video = generate_video(model, request);
  ASSERT_EQ(video.steps[0].tiles.size(), 2u);
  EXPECT_EQ(video.steps[0].tiles[1].stream, Stream::kConditional);
}

TEST(GenerateVideo, AStoppedRunGivesTheLatestEstimate) {
  const auto model = tiny_model();
  at::Tensor last;
  const auto video = generate_video(model, request_for(model), [&](const StepReport& report) {
    EXPECT_EQ(report.total_steps, 4);
    last = report.x0;
    return report.record.step == 1 ? StepDecision::kStop : StepDecision::kContinue;
  });
  EXPECT_FALSE(video.is_complete);
  EXPECT_EQ(video.steps.size(), 2u);
  EXPECT_TRUE(at::equal(video.sample, last));
}

TEST(GenerateVideo, UnknownWordsAreTold) {
  const auto model = tiny_model();
  auto request = request_for(model, "a crimson red");
  request.steps = 1;
  EXPECT_EQ(generate_video(model, request).unknown_words, std::vector<std::string>{"crimson"});
}

std::string refusal(const VideoModel& model, const VideoRequest& request) {
  try {
    generate_video(model, request);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "";
}

TEST(GenerateVideo, ImpossibleRequestsAreRefusedByRuleAndValue) {
  const auto model = tiny_model();
  auto request = request_for(model);
  request.width = 17;
  EXPECT_EQ(refusal(model, request),
            "[generate] width must be a multiple of 2 in [2, 2048], got: 17");
  request = request_for(model);
  request.frames = 0;
  EXPECT_EQ(refusal(model, request),
            "[generate] frames must be a multiple of 1 in [1, 1024], got: 0");
  request = request_for(model);
  request.width = request.height = 2048;
  EXPECT_NE(refusal(model, request).find("a film may have 262144 tokens"), std::string::npos);
  request = request_for(model);
  request.steps = 0;
  EXPECT_NE(refusal(model, request).find("steps must be in [1, 1000], got: 0"), std::string::npos);
  request = request_for(model, "a red blue red a");
  EXPECT_NE(refusal(model, request).find("a prompt may have 4 words, got 5"), std::string::npos);
  request = request_for(model, "crimson");
  EXPECT_NE(refusal(model, request).find("must have a word that the model knows, got: crimson"),
            std::string::npos);
}

TEST(GenerateVideo, NumbersThatAreNotFiniteEndTheRun) {
  const auto model = tiny_model();
  const at::NoGradGuard no_grad;
  model.dit->named_parameters()["head.head.bias"].fill_(INFINITY);
  try {
    generate_video(model, request_for(model));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("step 1 of 4 gave numbers that are not finite"),
              std::string::npos);
  }
}

TEST(VideoModel, FolderGivesBackTheSameFilm) {
  const testing::TemporaryFolder folder;
  const auto model = tiny_model(Prediction::kSample);
  save_video_model(model, folder / "tiny", at::kFloat, {{"made_by", "test"}});
  const auto back = load_video_model(folder / "tiny");
  EXPECT_TRUE(at::equal(generate_video(back, request_for(back)).sample,
                        generate_video(model, request_for(model)).sample));
}

std::string loading_error(const std::filesystem::path& folder) {
  try {
    load_video_model(folder);
  } catch (const IoError& error) {
    return error.what();
  }
  return "";
}

TEST(VideoModel, DamagedFoldersAreRefusedByName) {
  const testing::TemporaryFolder folder;
  const auto path = folder / "tiny";
  EXPECT_NE(loading_error(path).find("must be a model folder (config.json, *.safetensors, "
                                     "vocab.txt), got: nothing there"),
            std::string::npos);
  save_video_model(tiny_model(), path);
  write_file(path / "vocab.txt", "a\nred\nblue\ngreen\n");
  EXPECT_NE(loading_error(path).find("\"word_encoder.embedding.weight\" must be [4, 8], got: "),
            std::string::npos);
  std::filesystem::remove(path / "model.safetensors");
  EXPECT_NE(loading_error(path).find("holds no *.safetensors"), std::string::npos);
  std::filesystem::remove(path / "vocab.txt");
  EXPECT_NE(loading_error(path).find("vocab.txt: cannot be opened"), std::string::npos);
}

}  // namespace
}  // namespace tessera::video
