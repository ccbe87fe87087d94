#include "tessera/segmentation/data/dataset.h"

#include <atomic>
#include <set>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/label_image.h"
#include "tessera/media/read_image.h"
#include "tessera/segmentation/data/checked_pair.h"
#include "tessera/segmentation/data/files.h"
#include "tessera/segmentation/data/warnings.h"

namespace tessera::segmentation {
namespace {

void check_source(const DatasetSource& source) {
  TESSERA_CHECK(source.val_fraction >= 0 && source.val_fraction < 1,
                "[open_dataset] the val fraction must be in [0, 1), got: ", source.val_fraction);
  TESSERA_CHECK(!source.split_csv || !source.whole_set,
                "[open_dataset] a split file and one split for all exclude each other, got: both");
}

std::vector<std::string> ids_of(const std::vector<Sample>& samples) {
  std::vector<std::string> ids;
  ids.reserve(samples.size());
  for (const Sample& sample : samples) ids.push_back(sample.id);
  return ids;
}

struct Assignment {
  std::vector<std::string> groups;  // empty without a file
  std::vector<Split> splits;
};

/// For all images, those without a mask too: the files may well name them.
Assignment assign(const DatasetSource& source, const std::vector<std::string>& ids,
                  std::vector<std::string>& findings) {
  Assignment result;
  if (source.groups_csv) result.groups = read_groups_csv(*source.groups_csv, ids, findings);
  if (source.whole_set) {
    result.splits.assign(ids.size(), *source.whole_set);
  } else if (source.split_csv) {
    result.splits = read_split_csv(*source.split_csv, ids, findings, source.needs_train);
  } else {
    const std::set<std::string> names(result.groups.begin(), result.groups.end());
    const size_t parts = result.groups.empty() ? ids.size() : names.size();
    if (parts >= 2 || source.val_fraction == 0) {
      result.splits = draw_split(ids, result.groups, source.val_fraction, source.seed);
    } else if (findings.empty()) {
      findings.push_back(concat(source.images.string(), ": at least two ",
                                result.groups.empty() ? "images" : "groups",
                                " to part into train and val, got: ", parts));
    }
  }
  return result;
}

}  // namespace

std::vector<size_t> Dataset::indices(Split split) const {
  std::vector<size_t> found;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].split == split) found.push_back(i);
  }
  return found;
}

std::shared_ptr<const LoadedSample> Dataset::load(size_t index) const {
  const Entry& entry = entries_.at(index);
  if (entry.loaded) return entry.loaded;
  auto loaded = std::make_shared<LoadedSample>(load_sample(entry.sample, foreground_.rule));
  if (loaded->digest != entry.image_digest ||
      sha256_of_file(entry.sample.mask) != entry.mask_digest) {
    throw IoError(concat(entry.sample.image.string(),
                         ": image and mask must stay as they were checked, got: another content"));
  }
  return loaded;
}

std::string Dataset::content_digest() const {
  std::string text = foreground_rule_name(foreground_.rule) + "\n";
  for (const Entry& entry : entries_) {
    text += concat(entry.sample.id.size(), ' ', entry.sample.id, ' ', split_name(entry.split), ' ',
                   entry.image_digest, ' ', entry.mask_digest, '\n');
  }
  return sha256(std::as_bytes(std::span(text)));
}

Dataset open_dataset(const DatasetSource& source, Executor& executor) {
  check_source(source);
  std::vector<std::string> findings;
  const ImageFolder images = list_folder(source.images, findings);
  const ImageFolder masks = list_folder(source.masks, findings);
  const std::vector<Sample> samples = pair_by_stem(images, masks, findings);
  const std::vector<std::string> ids = ids_of(samples);

  std::vector<CheckedPair> pairs(samples.size());
  std::atomic<int64_t> used = 0;
  executor.parallel_for(static_cast<int64_t>(samples.size()),
                        [&](int64_t i, int) { pairs[i] = check_pair(samples[i], source, used); });
  std::vector<MaskEvidence> evidence;
  for (const CheckedPair& one : pairs) {
    findings.insert(findings.end(), one.findings.begin(), one.findings.end());
    evidence.push_back(one.evidence);
  }

  Dataset dataset;
  dataset.foreground_ = decide_foreground(source.foreground, evidence, ids);
  if (!dataset.foreground_.conflict.empty()) {
    findings.push_back(concat(source.masks.string(), ": ", dataset.foreground_.conflict));
  }
  std::vector<std::string> stems;
  for (const auto& [stem, path] : images.by_stem) stems.push_back(stem);
  // Once there are no findings, the stems are the samples' ids.
  const auto [groups, splits] = assign(source, stems, findings);
  throw_findings(source.images, findings);

  warn_of_ignored(source.images, images.ignored, dataset.warnings_);
  warn_of_ignored(source.masks, masks.ignored, dataset.warnings_);
  warn_of_scales(samples, pairs, dataset.warnings_);
  warn_of_groups(groups, splits, dataset.warnings_);
  warn_of_duplicates(samples, splits, pairs, dataset.warnings_);
  const bool is_nonzero = dataset.foreground_.rule.kind == ForegroundRule::Kind::kNonzero;
  int64_t total = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    CheckedPair& one = pairs[i];
    if (one.loaded) apply_rule(*one.loaded, dataset.foreground_.rule);
    const int64_t pixels = is_nonzero ? one.nonzero_pixels : one.above_pixels;
    total += pixels;
    dataset.entries_.push_back({samples[i], splits[i], one.height, one.width, one.image_digest,
                                one.mask_digest, pixels, std::move(one.loaded)});
  }
  if (total == 0) {
    dataset.warnings_.push_back(concat(source.masks.string(), ": no mask has any foreground under ",
                                       foreground_rule_name(dataset.foreground_.rule)));
  }
  return dataset;
}

void check_images(const std::vector<Sample>& samples, Executor& executor) {
  std::vector<std::string> failures(samples.size());
  executor.parallel_for(static_cast<int64_t>(samples.size()), [&](int64_t i, int) {
    try {
      media::read_image(samples[i].image);
    } catch (const IoError& error) {
      failures[i] = error.what();
    }
  });
  std::erase(failures, "");
  if (!failures.empty()) throw_findings(samples.front().image.parent_path(), failures);
}

LoadedSample load_sample(const Sample& sample, const ForegroundRule& rule) {
  LoadedSample loaded{sample.id, {}, {}, {}};
  const MappedFile file(sample.image);
  loaded.digest = sha256(file.bytes());
  loaded.image = media::decode_image(file.bytes(), sample.image.string());
  if (sample.mask.empty()) return loaded;
  const media::LabelImage mask = media::read_label_image(sample.mask);
  if (mask.height != loaded.image.height || mask.width != loaded.image.width) {
    throw IoError(concat(sample.mask.string(), ": a mask must have its image's size ",
                         loaded.image.width, " x ", loaded.image.height, ", got: ", mask.width,
                         " x ", mask.height));
  }
  loaded.mask = foreground_of(mask, rule);
  return loaded;
}

}  // namespace tessera::segmentation
