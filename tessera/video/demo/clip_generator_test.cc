#include "tessera/video/demo/clip_generator.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::video {
namespace {

constexpr ClipShape kSmall = {3, 32, 64};

Clips draw(int64_t batch, const ClipShape& shape, uint64_t seed) {
  return ClipGenerator(at::kCPU).draw(batch, shape, seed);
}

class ClipGeneratorOfShape : public testing::TestWithParam<ClipShape> {};

TEST_P(ClipGeneratorOfShape, DrawsFilmsInRange) {
  const auto [frames, height, width, film_frames] = GetParam();
  const auto clips = draw(2, GetParam(), 1);
  EXPECT_EQ(clips.video.sizes(), (at::IntArrayRef{2, 3, frames, height, width}));
  EXPECT_EQ(clips.video.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::isfinite(clips.video).all().item<bool>());
  EXPECT_LE(clips.video.abs().max().item<float>(), 1.0f);
  EXPECT_GT(clips.video.std().item<float>(), 0.05f);
  EXPECT_EQ(clips.prompts.size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(All, ClipGeneratorOfShape,
                         testing::Values(ClipShape{16, 64, 128}, ClipShape{16, 64, 64},
                                         ClipShape{4, 128, 256}, ClipShape{32, 64, 128},
                                         ClipShape{1, 64, 128}, ClipShape{4, 64, 128, 16},
                                         ClipShape{5, 72, 40}));

TEST(ClipGenerator, SameSeedGivesTheSameClips) {
  ClipGenerator generator(at::kCPU);
  const auto first = generator.draw(4, kSmall, 7);
  generator.draw(2, kSmall, 8);
  const auto again = generator.draw(4, kSmall, 7);
  EXPECT_EQ(first.prompts, again.prompts);
  EXPECT_TRUE(first.video.equal(again.video));
}

TEST(ClipGenerator, OtherSeedGivesOtherClips) {
  const auto first = draw(4, kSmall, 7), second = draw(4, kSmall, 8);
  EXPECT_NE(first.prompts, second.prompts);
  EXPECT_GT((first.video - second.video).abs().mean().item<float>(), 0.05f);
}

TEST(ClipGenerator, PromptsAreTheSameOnEveryPlatform) {
  EXPECT_EQ(draw(3, kSmall, 3).prompts,
            (std::vector<std::string>{
                "two checkered green squares spinning on a checkered blue background behind bars",
                "two green squares moving left on a yellow background",
                "three striped cyan crosses spinning on a gray background"}));
}

TEST(ClipGenerator, PromptsDependNeitherOnBatchNorOnShape) {
  auto many = draw(9, kSmall, 5).prompts;
  many.resize(2);
  EXPECT_EQ(draw(2, {1, 24, 16}, 5).prompts, many);
}

/// What the generator says of a request that breaks a rule.
std::string complaint(int64_t batch, const ClipShape& shape) {
  try {
    draw(batch, shape, 0);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "";
}

TEST(ClipGenerator, NamesTheRuleThatIsBroken) {
  EXPECT_EQ(complaint(0, kSmall), "[ClipGenerator] batch must be >= 1, got: 0");
  EXPECT_EQ(complaint(1, {0, 64, 128}),
            "[ClipGenerator] frames, height and width must be >= 1, got: 0 x 64 x 128");
  EXPECT_EQ(complaint(1, {16, 64, 128, 8}),
            "[ClipGenerator] film_frames must be 0 or >= frames (16), got: 8");
}

}  // namespace
}  // namespace tessera::video
