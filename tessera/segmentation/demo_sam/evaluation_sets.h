// Pictures with instances to evaluate a promptable model on: generated scenes, labelled data sets.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tessera/media/frames.h"
#include "tessera/media/label_image.h"
#include "tessera/segmentation/demo_sam/evaluation.h"

namespace tessera::segmentation {

/// `count` held-out scenes of `side` pixels; of each at most `max_instances`, drawn from the
/// scene's number (0: all). No training run draws them: their seeds come from another stream.
PictureSource held_out_scenes(int side, int64_t count, int max_instances);

/// A picture and its label map on disk.
struct LabelledFile {
  std::filesystem::path image, labels;
};

/// The files of two folders paired by stem, ascending; with `split_csv` (header id,split) only
/// those of `split`. Throws IoError that lists every stem without its partner, and for an empty
/// result.
std::vector<LabelledFile> labelled_files(const std::filesystem::path& images,
                                         const std::filesystem::path& labels,
                                         const std::filesystem::path& split_csv = {},
                                         const std::string& split = "test");

/// Reads file after file. Each picture is cut into overlapping squares of `tile` source pixels,
/// enlarged to `side`; an instance is asked for once, in the square whose middle is nearest to its
/// box's, as far as it is visible there. tile 0: the whole picture, padded to a square. At most
/// `max_instances` of a file (0: all). Throws IoError when sizes of a pair differ.
PictureSource labelled_pictures(std::vector<LabelledFile> files, int tile, int side,
                                int max_instances);

/// What labelled_pictures makes of one file.
std::vector<EvaluationPicture> cut_into_pictures(const media::Image& image,
                                                 const media::LabelImage& labels, int tile,
                                                 int side, int max_instances, uint64_t seed);

}  // namespace tessera::segmentation
