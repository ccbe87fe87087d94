#include "tessera/segmentation/data/foreground.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

// Note [How masks are told apart]
//
// Grey values fall into black (0), dark (1 to 31), middle (32 to 223) and white (224 and above).
// JPEG noise keeps close to black and white: in Kvasir-SEG's 1000 masks it is 1 to 7 and 248 to
// 255. CVC-ClinicDB's overlays are dark over up to 31 % of the area above 0, and middle over 0.35
// %.
//
// Numbered regions are coherent: of the neighbouring pixels that are both above 0, nearly all are
// equal. Measured: DSB2018's label maps .977 and above (a threshold of .85 leaves room for tiny
// regions that touch); photographs of three sets .72 at most, nearly black ones included.
//
// A label map may use all 8 bits; then most of its area is middle, and it is no binary mask. One
// with few labels and 255 for "ignore" has a large dark area and some white: that cannot be told
// from a damaged binary mask, so the user is asked. Dark noise that is not coherent is taken for
// JPEG's as long as it could be.
constexpr uint32_t kFirstMiddle = 32, kFirstWhite = 224;
constexpr double kMaxMiddle = 0.05, kMaxSoft = 0.5, kMaxDark = 0.5, kMinCoherence = 0.85;

struct Counts {
  int64_t pixels = 0, above_zero = 0, dark = 0, middle = 0, white = 0, above_127 = 0;
  int64_t neighbours = 0, equal_neighbours = 0;
  std::vector<uint32_t> values;  // distinct, above 0, at most a few of them in order
  size_t num_values = 0;
  uint32_t highest = 0;

  double share_above_zero(int64_t count) const {
    return above_zero == 0 ? 0 : count / static_cast<double>(above_zero);
  }
  double coherence() const {
    return neighbours == 0 ? 1 : equal_neighbours / static_cast<double>(neighbours);
  }
};

size_t distinct_values(const std::vector<uint32_t>& data, uint32_t highest) {
  if (highest >= 1u << 24) {
    std::set<uint32_t> seen(data.begin(), data.end());
    return seen.size() - seen.count(0);
  }
  std::vector<bool> seen(highest + size_t{1});
  for (const uint32_t value : data) seen[value] = true;
  return std::count(seen.begin() + 1, seen.end(), true);
}

Counts count_values(const media::LabelImage& mask) {
  Counts counts;
  counts.pixels = static_cast<int64_t>(mask.data.size());
  const auto width = static_cast<size_t>(mask.width);
  const auto compare = [&counts](uint32_t a, uint32_t b) {
    counts.neighbours += a != 0 && b != 0;
    counts.equal_neighbours += a != 0 && a == b;
  };
  for (size_t i = 0; i < mask.data.size(); ++i) {
    const uint32_t value = mask.data[i];
    if (value == 0) continue;
    ++counts.above_zero;
    counts.dark += value < kFirstMiddle;
    counts.white += value >= kFirstWhite;
    counts.above_127 += value > 127;
    counts.highest = std::max(counts.highest, value);
    if (i % width + 1 < width) compare(value, mask.data[i + 1]);
    if (i + width < mask.data.size()) compare(value, mask.data[i + width]);
  }
  counts.middle = counts.above_zero - counts.dark - counts.white;
  counts.num_values = distinct_values(mask.data, counts.highest);
  return counts;
}

/// JPEG darkens whole blocks of 8 x 8 that a small region touches, but not the picture.
bool is_block_noise(const Counts& counts) {
  return counts.dark <= 64 * counts.white && counts.dark <= counts.pixels / 4;
}

MaskKind kind_of(const Counts& counts, int bits) {
  if (counts.above_zero == 0) return MaskKind::kEmpty;
  if (counts.num_values == 1) {
    return counts.highest > 127 ? MaskKind::kTwoValued : MaskKind::kLabels;
  }
  const bool is_coherent = counts.coherence() >= kMinCoherence;
  const MaskKind otherwise = is_coherent ? MaskKind::kLabels : MaskKind::kNeither;
  if (bits > 8 || counts.white == 0) return otherwise;
  if (counts.middle <= kMaxMiddle * counts.above_zero) {
    if (counts.dark <= kMaxDark * counts.white) return MaskKind::kNearBinary;
    if (is_coherent) return MaskKind::kAmbiguous;
    return is_block_noise(counts) ? MaskKind::kNearBinary : MaskKind::kNeither;
  }
  if (is_coherent) return MaskKind::kLabels;
  // A photograph has far more middle than black or white.
  const int64_t black_or_dark = counts.pixels - counts.above_zero + counts.dark;
  const bool has_two_sides = counts.middle <= counts.white && counts.middle <= black_or_dark;
  return counts.middle <= kMaxSoft * counts.above_zero && has_two_sides ? MaskKind::kSoft
                                                                        : MaskKind::kNeither;
}

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof(text), "%.3g %%", 100 * share);
  return text;
}

std::string describe(const Counts& counts, int bits, MaskKind kind) {
  if (kind == MaskKind::kEmpty) return "no value above 0";
  if (counts.num_values == 1) return concat("one value above 0, ", counts.highest);
  const std::string values =
      concat(counts.num_values, " values above 0, highest ", counts.highest, " (", bits, " bit)");
  switch (kind) {
    case MaskKind::kNearBinary:
    case MaskKind::kSoft:
    case MaskKind::kAmbiguous:
      return concat(values, ", of the area above 0 ", percent(counts.share_above_zero(counts.dark)),
                    " in 1..31, ", percent(counts.share_above_zero(counts.middle)), " in 32..223");
    default:
      return concat(values, ", ", percent(counts.coherence()),
                    " of neighbouring pixels above 0 are equal");
  }
}

struct Votes {
  int64_t count = 0;
  std::string example;  // "id (what was seen)"

  void add(const std::string& id, const MaskEvidence& evidence) {
    if (count++ == 0) example = concat(id, " (", evidence.description, ")");
  }
};

}  // namespace

ForegroundRule parse_foreground_rule(std::string_view text) {
  using Kind = ForegroundRule::Kind;
  if (text == "auto") return {Kind::kAuto};
  if (text == "nonzero") return {Kind::kNonzero};
  constexpr std::string_view kPrefix = "above:";
  if (text.starts_with(kPrefix)) {
    const std::string_view digits = text.substr(kPrefix.size());
    uint32_t threshold = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), threshold);
    if (error == std::errc() && end == digits.data() + digits.size() && threshold < 65'535) {
      return {Kind::kAbove, threshold};
    }
  }
  throw InvalidArgument(
      concat("[foreground] the rule must be auto, nonzero or above:N with N from 0 to 65534, got: ",
             text));
}

std::string foreground_rule_name(const ForegroundRule& rule) {
  switch (rule.kind) {
    case ForegroundRule::Kind::kAuto:
      return "auto";
    case ForegroundRule::Kind::kNonzero:
      return "nonzero";
    default:
      return concat("above:", rule.threshold);
  }
}

MaskEvidence classify_mask(const media::LabelImage& mask) {
  const Counts counts = count_values(mask);
  const MaskKind kind = kind_of(counts, mask.bits_in_file);
  return {kind, describe(counts, mask.bits_in_file, kind)};
}

std::string mask_objection(const MaskEvidence& evidence, const ForegroundRule& rule) {
  if (evidence.kind == MaskKind::kNeither) {
    return concat("a mask must be black and white or a label map, got: ", evidence.description);
  }
  if (evidence.kind == MaskKind::kSoft && rule.kind != ForegroundRule::Kind::kAbove) {
    return concat("a mask with grey edges needs --foreground above:127, got: ",
                  evidence.description);
  }
  return {};
}

ForegroundDecision decide_foreground(const ForegroundRule& asked,
                                     std::span<const MaskEvidence> evidence,
                                     std::span<const std::string> ids) {
  TESSERA_CHECK(evidence.size() == ids.size(),
                "[decide_foreground] one id for each mask, got: ", ids.size(), " and ",
                evidence.size());
  if (asked.kind != ForegroundRule::Kind::kAuto) {
    return {asked, foreground_rule_name(asked) + " (as asked)", ""};
  }
  Votes labels, near_binary, ambiguous, either;
  for (size_t i = 0; i < evidence.size(); ++i) {
    switch (evidence[i].kind) {
      case MaskKind::kLabels:
        labels.add(ids[i], evidence[i]);
        break;
      case MaskKind::kNearBinary:
        near_binary.add(ids[i], evidence[i]);
        break;
      case MaskKind::kAmbiguous:
        ambiguous.add(ids[i], evidence[i]);
        break;
      default:
        either.add(ids[i], evidence[i]);
    }
  }
  ForegroundDecision decision;
  if (ambiguous.count > 0 || (labels.count > 0 && near_binary.count > 0)) {
    decision.conflict =
        "the masks do not agree on what is foreground, so --foreground must say it "
        "(nonzero or above:N), got:";
    const auto name = [&decision](const Votes& votes, const char* what) {
      if (votes.count == 0) return;
      decision.conflict += concat(decision.conflict.ends_with(':') ? " " : "; ", votes.count, " ",
                                  what, ", such as ", votes.example);
    };
    name(labels, "label maps (nonzero)");
    name(near_binary, "near-binary masks (above:127)");
    name(ambiguous, "masks that could be either");
    return decision;
  }
  const bool is_near_binary = near_binary.count > 0 || (labels.count == 0 && either.count > 0);
  decision.rule = is_near_binary ? ForegroundRule{ForegroundRule::Kind::kAbove, 127}
                                 : ForegroundRule{ForegroundRule::Kind::kNonzero};
  decision.description =
      concat(foreground_rule_name(decision.rule), " (auto: ", labels.count, " label maps, ",
             near_binary.count, " near-binary masks, ", either.count, " that fit both)");
  return decision;
}

std::vector<uint8_t> foreground_of(const media::LabelImage& mask, const ForegroundRule& rule) {
  TESSERA_CHECK(rule.kind != ForegroundRule::Kind::kAuto,
                "[foreground_of] the rule must be decided first, got: auto");
  const uint32_t threshold = rule.kind == ForegroundRule::Kind::kNonzero ? 0 : rule.threshold;
  std::vector<uint8_t> foreground(mask.data.size());
  for (size_t i = 0; i < foreground.size(); ++i) foreground[i] = mask.data[i] > threshold;
  return foreground;
}

}  // namespace tessera::segmentation
