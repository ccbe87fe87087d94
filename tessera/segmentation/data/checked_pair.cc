#include "tessera/segmentation/data/checked_pair.h"

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/label_image.h"
#include "tessera/media/read_image.h"

namespace tessera::segmentation {
namespace {

uint32_t threshold_of(const ForegroundRule& rule) {
  return rule.kind == ForegroundRule::Kind::kAbove ? rule.threshold : ForegroundRule{}.threshold;
}

/// Lets `bytes` into memory while the sum stays below the limit.
bool reserve(std::atomic<int64_t>& used, int64_t bytes, int64_t limit) {
  if (used.fetch_add(bytes) + bytes <= limit) return true;
  used.fetch_sub(bytes);
  return false;
}

void decode_mask(const Sample& sample, const ForegroundRule& asked, CheckedPair& checked,
                 std::vector<uint8_t>& both_rules) {
  const MappedFile file(sample.mask);
  checked.mask_digest = sha256(file.bytes());
  const media::LabelImage mask = media::decode_label_image(file.bytes(), sample.mask.string());
  if (checked.height != 0 && (mask.height != checked.height || mask.width != checked.width)) {
    checked.findings.push_back(concat(sample.mask.string(), ": a mask must have its image's size ",
                                      checked.width, " x ", checked.height, ", got: ", mask.width,
                                      " x ", mask.height));
  }
  checked.evidence = classify_mask(mask);
  const std::string objection = mask_objection(checked.evidence, asked);
  if (!objection.empty()) {
    checked.findings.push_back(concat(sample.mask.string(), ": ", objection));
  }
  const uint32_t threshold = threshold_of(asked);
  both_rules.resize(mask.data.size());
  for (size_t i = 0; i < both_rules.size(); ++i) {
    const bool is_nonzero = mask.data[i] != 0, is_above = mask.data[i] > threshold;
    checked.nonzero_pixels += is_nonzero;
    checked.above_pixels += is_above;
    both_rules[i] = static_cast<uint8_t>(is_nonzero | is_above << 1);
  }
}

}  // namespace

CheckedPair check_pair(const Sample& sample, const DatasetSource& source,
                       std::atomic<int64_t>& used) {
  CheckedPair checked;
  auto loaded = std::make_shared<LoadedSample>();
  loaded->id = sample.id;
  try {
    const MappedFile file(sample.image);
    media::ImageFacts facts;
    loaded->image = media::decode_image(file.bytes(), sample.image.string(), {}, &facts);
    checked.white = facts.white;
    loaded->digest = checked.image_digest = sha256(file.bytes());
    checked.height = loaded->image.height;
    checked.width = loaded->image.width;
    checked.fingerprint = fingerprint_of(loaded->image);
  } catch (const IoError& error) {
    checked.findings.emplace_back(error.what());
  }
  try {
    decode_mask(sample, source.foreground, checked, loaded->mask);
  } catch (const IoError& error) {
    checked.findings.emplace_back(error.what());
  }
  const auto bytes = static_cast<int64_t>(loaded->image.data.size() + loaded->mask.size());
  if (reserve(used, bytes, source.memory_limit_bytes)) checked.loaded = std::move(loaded);
  return checked;
}

void apply_rule(LoadedSample& loaded, const ForegroundRule& rule) {
  const int bit = rule.kind == ForegroundRule::Kind::kNonzero ? 0 : 1;
  for (uint8_t& value : loaded.mask) value = value >> bit & 1;
}

}  // namespace tessera::segmentation
