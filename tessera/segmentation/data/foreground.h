// Which pixels of a mask file are foreground.
//
// Mask files come in two kinds. Label maps hold 0 for background and a number for each instance or
// class: every value above 0 is foreground. Binary masks hold black and white, and where a lossy
// codec or an overlay touched them, a few greys: the middle of the range decides. `auto` looks at
// every mask of a set and picks the rule that fits all of them; it never mixes rules.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/media/label_image.h"

namespace tessera::segmentation {

struct ForegroundRule {
  enum class Kind {
    kAuto,     ///< decided from the masks of the whole set
    kNonzero,  ///< value > 0
    kAbove,    ///< value > threshold
  };
  Kind kind = Kind::kAuto;
  /// Of kAbove alone; in the file's own units.
  uint32_t threshold = 127;

  bool operator==(const ForegroundRule&) const = default;
};

/// Reads `auto`, `nonzero` or `above:N` (N from 0 to 65534). Throws InvalidArgument for others.
ForegroundRule parse_foreground_rule(std::string_view text);

/// The word that parse_foreground_rule reads.
std::string foreground_rule_name(const ForegroundRule& rule);

enum class MaskKind {
  kEmpty,       ///< zeros only
  kTwoValued,   ///< 0 and one value above 127: both rules agree
  kNearBinary,  ///< 8 bit, black and white with few greys: above:127
  kLabels,      ///< numbered regions: nonzero
  kAmbiguous,   ///< numbered regions and a large area of white: the user has to say
  kSoft,        ///< 8 bit, black and white with wide grey edges: only if the user says above:N
  kNeither,     ///< anything else, such as a photograph
};

struct MaskEvidence {
  MaskKind kind = MaskKind::kEmpty;
  /// What was seen, such as "231 grey values, 94 % of the pixels above 0 between 32 and 223".
  std::string description;
};

/// Looks at one mask. See Note [How masks are told apart] in foreground.cc for the rules.
MaskEvidence classify_mask(const media::LabelImage& mask);

/// Why a mask cannot be used under `rule`, or an empty text when it can.
std::string mask_objection(const MaskEvidence& evidence, const ForegroundRule& rule);

struct ForegroundDecision {
  /// Never kAuto when `conflict` is empty.
  ForegroundRule rule;
  /// One line to print and to record, such as "nonzero (auto: 664 label maps)".
  std::string description;
  /// Not empty: the masks ask for different rules; the text names counts and an example of each.
  std::string conflict;
};

/// Decides for a whole set; `ids` name the masks in the text. A rule other than kAuto is kept.
ForegroundDecision decide_foreground(const ForegroundRule& asked,
                                     std::span<const MaskEvidence> evidence,
                                     std::span<const std::string> ids);

/// (H, W) of 0 and 1. Throws InvalidArgument for kAuto.
std::vector<uint8_t> foreground_of(const media::LabelImage& mask, const ForegroundRule& rule);

}  // namespace tessera::segmentation
