#include "tessera/segmentation/data/foreground.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::segmentation {
namespace {

media::LabelImage mask_of(int height, int width, int bits = 8) {
  media::LabelImage mask;
  mask.height = height;
  mask.width = width;
  mask.bits_in_file = bits;
  mask.channels_in_file = 1;
  mask.data.resize(static_cast<size_t>(height) * width);
  return mask;
}

void fill(media::LabelImage& mask, int y, int x, int height, int width, uint32_t value) {
  for (int row = y; row < y + height; ++row) {
    for (int column = x; column < x + width; ++column) {
      mask.data[static_cast<size_t>(row) * mask.width + column] = value;
    }
  }
}

/// Grey values that change slowly with noise on top, as photographs do.
media::LabelImage photograph(uint32_t darkest, uint32_t range) {
  media::LabelImage mask = mask_of(64, 64);
  Random random(1);
  for (size_t i = 0; i < mask.data.size(); ++i) {
    mask.data[i] =
        darkest + static_cast<uint32_t>(range * (i / 64) / 64 + random.below(range / 8 + 2));
  }
  return mask;
}

/// A white square of this side with noise in the blocks of 8 x 8 around it.
media::LabelImage jpeg_like(int side) {
  media::LabelImage mask = mask_of(64, 64);
  Random random(2);
  const int begin = 20, end = begin + side;
  for (int y = begin / 8 * 8; y < (end + 7) / 8 * 8; ++y) {
    for (int x = begin / 8 * 8; x < (end + 7) / 8 * 8; ++x) {
      const bool is_white = y >= begin && y < end && x >= begin && x < end;
      const auto noise = static_cast<uint32_t>(random.below(8));
      mask.data[static_cast<size_t>(y) * 64 + x] = is_white ? 255 - noise : noise;
    }
  }
  return mask;
}

MaskKind kind_of(const media::LabelImage& mask) { return classify_mask(mask).kind; }

TEST(Foreground, ReadsItsRules) {
  EXPECT_EQ(parse_foreground_rule("auto").kind, ForegroundRule::Kind::kAuto);
  EXPECT_EQ(parse_foreground_rule("nonzero").kind, ForegroundRule::Kind::kNonzero);
  EXPECT_EQ(parse_foreground_rule("above:127"),
            (ForegroundRule{ForegroundRule::Kind::kAbove, 127}));
  EXPECT_EQ(foreground_rule_name(parse_foreground_rule("above:300")), "above:300");
  for (const char* wrong : {"", "above", "above:", "above:x", "above:-1", "above:65535", "Auto"}) {
    EXPECT_THROW(parse_foreground_rule(wrong), InvalidArgument) << wrong;
  }
}

TEST(Foreground, AnEmptyMaskIsEmpty) { EXPECT_EQ(kind_of(mask_of(4, 5)), MaskKind::kEmpty); }

TEST(Foreground, OneHighValueFitsBothRulesAndOneLowValueIsALabel) {
  media::LabelImage mask = mask_of(8, 8);
  fill(mask, 2, 2, 3, 3, 255);
  EXPECT_EQ(kind_of(mask), MaskKind::kTwoValued);
  fill(mask, 2, 2, 3, 3, 1);
  EXPECT_EQ(kind_of(mask), MaskKind::kLabels);
}

TEST(Foreground, JpegNoiseAndDarkOverlaysAreNearBinary) {
  media::LabelImage large = jpeg_like(30);
  fill(large, 20, 20, 1, 4, 130);
  EXPECT_EQ(kind_of(large), MaskKind::kNearBinary);
  EXPECT_EQ(kind_of(jpeg_like(5)), MaskKind::kNearBinary);
  media::LabelImage overlay = mask_of(64, 64);
  fill(overlay, 10, 10, 20, 20, 255);
  fill(overlay, 50, 0, 10, 15, 17);
  fill(overlay, 50, 20, 1, 1, 226);
  EXPECT_EQ(kind_of(overlay), MaskKind::kNearBinary);
}

TEST(Foreground, NumberedRegionsAreLabels) {
  media::LabelImage few = mask_of(32, 32);
  fill(few, 0, 0, 8, 8, 1);
  fill(few, 0, 8, 8, 8, 2);
  fill(few, 20, 20, 6, 6, 7);
  EXPECT_EQ(kind_of(few), MaskKind::kLabels);
  media::LabelImage many = mask_of(160, 160);
  for (int i = 0; i < 250; ++i) fill(many, i / 16 * 10, i % 16 * 10, 9, 10, i + 1);
  EXPECT_EQ(kind_of(many), MaskKind::kLabels);
  media::LabelImage deep = mask_of(64, 64, 16);
  for (int i = 0; i < 16; ++i) fill(deep, i / 4 * 16, i % 4 * 16, 15, 15, 1000 + i);
  EXPECT_EQ(kind_of(deep), MaskKind::kLabels);
}

TEST(Foreground, PhotographsAreNeither) {
  EXPECT_EQ(kind_of(photograph(0, 250)), MaskKind::kNeither);
  EXPECT_EQ(kind_of(photograph(0, 30)), MaskKind::kNeither);
  EXPECT_EQ(kind_of(photograph(100, 150)), MaskKind::kNeither);
  media::LabelImage deep = photograph(0, 60'000);
  deep.bits_in_file = 16;
  EXPECT_EQ(kind_of(deep), MaskKind::kNeither);
}

TEST(Foreground, AFewLabelsWithWhiteForIgnoreCouldBeEither) {
  media::LabelImage mask = mask_of(64, 64);
  fill(mask, 5, 5, 30, 30, 3);
  fill(mask, 5, 35, 30, 2, 255);
  EXPECT_EQ(kind_of(mask), MaskKind::kAmbiguous);
}

TEST(Foreground, GreyEdgesNeedTheUsersWord) {
  media::LabelImage mask = mask_of(64, 64);
  Random random(3);
  for (int i = 0; i < 16; ++i) {
    const int y = i / 4 * 16 + 2, x = i % 4 * 16 + 2;
    for (int r = 0; r < 9; ++r) {
      for (int c = 0; c < 9; ++c) {
        fill(mask, y + r, x + c, 1, 1, static_cast<uint32_t>(40 + random.below(180)));
      }
    }
    fill(mask, y + 1, x + 1, 7, 7, 255);
  }
  const MaskEvidence evidence = classify_mask(mask);
  EXPECT_EQ(evidence.kind, MaskKind::kSoft);
  EXPECT_NE(mask_objection(evidence, parse_foreground_rule("auto")), "");
  EXPECT_NE(mask_objection(evidence, parse_foreground_rule("nonzero")), "");
  EXPECT_EQ(mask_objection(evidence, parse_foreground_rule("above:127")), "");
}

TEST(Foreground, AutoFollowsTheMasksThatSay) {
  const MaskEvidence either{MaskKind::kTwoValued, ""}, empty{MaskKind::kEmpty, ""};
  const MaskEvidence labels{MaskKind::kLabels, ""}, noisy{MaskKind::kNearBinary, ""};
  const std::vector<std::string> ids = {"a", "b", "c"};
  const auto decide = [&ids](std::vector<MaskEvidence> evidence) {
    return foreground_rule_name(decide_foreground({}, evidence, ids).rule);
  };
  EXPECT_EQ(decide({either, labels, empty}), "nonzero");
  EXPECT_EQ(decide({either, noisy, empty}), "above:127");
  EXPECT_EQ(decide({either, either, empty}), "above:127");
}

TEST(Foreground, AutoRefusesMasksThatDisagree) {
  const std::vector<MaskEvidence> evidence = {{MaskKind::kLabels, "seen 1"},
                                              {MaskKind::kNearBinary, "seen 2"}};
  const std::vector<std::string> ids = {"a", "b"};
  const ForegroundDecision decision = decide_foreground({}, evidence, ids);
  EXPECT_NE(decision.conflict.find("--foreground"), std::string::npos);
  EXPECT_NE(decision.conflict.find("a (seen 1)"), std::string::npos);
  EXPECT_NE(decision.conflict.find("b (seen 2)"), std::string::npos);
  EXPECT_EQ(decide_foreground(parse_foreground_rule("nonzero"), evidence, ids).conflict, "");
}

TEST(Foreground, AppliesARule) {
  media::LabelImage mask = mask_of(1, 4);
  mask.data = {0, 1, 127, 128};
  EXPECT_EQ(foreground_of(mask, parse_foreground_rule("nonzero")),
            (std::vector<uint8_t>{0, 1, 1, 1}));
  EXPECT_EQ(foreground_of(mask, parse_foreground_rule("above:127")),
            (std::vector<uint8_t>{0, 0, 0, 1}));
  EXPECT_THROW(foreground_of(mask, {}), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
