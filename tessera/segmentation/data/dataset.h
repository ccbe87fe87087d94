// A folder of images and a folder of masks, paired by stem and checked before anything is trained.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/executor.h"
#include "tessera/media/frames.h"
#include "tessera/segmentation/data/foreground.h"
#include "tessera/segmentation/data/split.h"

namespace tessera::segmentation {

/// id: the file's stem. mask: empty when there is none (prediction).
struct Sample {
  std::string id;
  std::filesystem::path image, mask;
};

struct LoadedSample {
  std::string id;
  /// RGB, (H, W, 3).
  media::Image image;
  /// (H, W) of 0 and 1; empty when the sample has no mask.
  std::vector<uint8_t> mask;
  /// SHA-256 of the image file's bytes: the key of everything computed from the image alone.
  std::string digest;
};

struct DatasetSource {
  std::filesystem::path images, masks;
  /// `id,split`; without it `val_fraction` of the images become val, drawn from `seed`.
  std::optional<std::filesystem::path> split_csv;
  /// `id,group`: images of one group stay on one side of a drawn split; with split_csv, a group
  /// on two sides gives a warning.
  std::optional<std::filesystem::path> groups_csv;
  /// Puts all images into one split, for `evaluate`; not together with split_csv.
  std::optional<Split> whole_set;
  /// `evaluate` takes a split_csv without a training image.
  bool needs_train = true;
  ForegroundRule foreground;
  double val_fraction = 0.15;
  uint64_t seed = 0;
  /// Decoded images and masks stay in memory up to this; the others are decoded again on demand.
  int64_t memory_limit_bytes = int64_t{2} << 30;
};

/// What open_dataset found. Immutable; load() may be called from several threads.
class Dataset {
 public:
  size_t size() const { return entries_.size(); }
  const Sample& sample(size_t index) const { return entries_.at(index).sample; }
  Split split(size_t index) const { return entries_.at(index).split; }
  int height(size_t index) const { return entries_.at(index).height; }
  int width(size_t index) const { return entries_.at(index).width; }
  /// SHA-256 of the image file, as in LoadedSample.
  const std::string& digest(size_t index) const { return entries_.at(index).image_digest; }
  int64_t foreground_pixels(size_t index) const { return entries_.at(index).foreground_pixels; }

  /// The images of a split, ascending by id.
  std::vector<size_t> indices(Split split) const;

  /// From memory, or decoded again. Throws IoError when the file changed since open_dataset.
  std::shared_ptr<const LoadedSample> load(size_t index) const;

  const ForegroundDecision& foreground() const { return foreground_; }

  /// Lines for the user: ignored files, images of 12 and of 16 bits in one set, near-duplicates
  /// across splits, groups across splits, no foreground anywhere.
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// SHA-256 over ids, splits, both digests and the foreground rule: what a run was trained on.
  std::string content_digest() const;

 private:
  friend Dataset open_dataset(const DatasetSource&, Executor&);
  struct Entry {
    Sample sample;
    Split split = Split::kTrain;
    int height = 0, width = 0;
    std::string image_digest, mask_digest;
    int64_t foreground_pixels = 0;
    /// Null when it did not fit the memory limit.
    std::shared_ptr<const LoadedSample> loaded;
  };
  std::vector<Entry> entries_;
  ForegroundDecision foreground_;
  std::vector<std::string> warnings_;
};

/// Pairs, decodes and checks everything; sorted by id (byte order). Files are paired by stem;
/// extensions .png .jpg .jpeg .tif .tiff in any case; hidden files are skipped.
///
/// Throws one IoError that lists all findings (up to 50, then a count), each with file, rule and
/// value: a folder that is missing or holds no image, image without mask and the reverse, two
/// files of one stem (also when they differ only in case), files that do not decode (damaged,
/// wrong channels, NaN), sizes that differ, masks that are neither binary nor labels, masks that
/// ask for different foreground rules, and what read_split_csv finds. An empty mask is legal.
/// Throws InvalidArgument for a val_fraction outside [0, 1).
Dataset open_dataset(const DatasetSource& source, Executor& executor = serial_executor());

/// One image file, or the images of a folder (not below it), sorted by id, without masks; for
/// prediction. Throws one IoError: nothing there, no image, two files of one stem.
std::vector<Sample> list_images(const std::filesystem::path& file_or_folder);

/// Decodes every image once and throws one IoError that lists those that fail.
void check_images(const std::vector<Sample>& samples, Executor& executor = serial_executor());

/// Decodes one sample; the mask, if it has one, under a rule other than kAuto. Throws IoError.
LoadedSample load_sample(const Sample& sample, const ForegroundRule& rule);

}  // namespace tessera::segmentation
