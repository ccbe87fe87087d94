// Training views: what a network sees of an image, drawn from a seed.
//
// A view is a function of (seed, image digest, view number), so that SAM's embedding of it can be
// kept on disk and found again. Views of tiles are padded by reflection: a turned window leaves
// nearly every image of the window's own size, and grey corners that prediction never shows would
// teach the wrong thing. Views of whole images are padded with SAM's mean colour, as prediction
// pads them, and the padding is marked as unknown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/segmentation/data/colours.h"
#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/data/picture.h"

namespace tessera::segmentation {

struct ViewSettings {
  /// Side in source pixels of the square that fills the picture; 0: the whole image.
  int tile = 0;
  /// Rotations are uniform in [-x, x].
  float max_rotation_degrees = 180;
  /// Enlargement of the source, uniform in its logarithm.
  float min_scale = 0.7f, max_scale = 1.4f;
  bool flip_horizontal = true, flip_vertical = true;
  ColourSettings colours;
};

/// Throws InvalidArgument for settings out of range.
void check_view_settings(const ViewSettings& settings);

/// One draw.
struct ViewParameters {
  /// The whole image as SAM takes it (whole_picture); the window is not used.
  bool is_plain_whole = false;
  Window window;
  Padding padding = Padding::kReflect;
  ColourShift colours;
};

/// The view of number `view` of the image with this size and digest. View 0 changes nothing: the
/// whole image, or the window of `tile` pixels at its centre. The others place the window
/// uniformly where it shows as much of the image as it can.
ViewParameters draw_view(const ViewSettings& settings, int height, int width,
                         std::string_view image_digest, uint64_t seed, int view);

/// Everything that decides a view's pixels beside the image, on one line; equal texts, equal
/// pixels. Part of the key of a cached embedding.
std::string view_text(const ViewParameters& parameters);

/// Sides of what a view is rendered to.
struct ViewSizes {
  int picture = 512;  ///< SAM's input
  int prompt = 256;   ///< g's input
  int mask = 256;     ///< SAM's mask logits
};

struct View {
  Picture picture, prompt;
  MaskGrid mask;
};

/// Renders all three from one geometry. `sample.mask` may be empty: then so is the grid's target.
View render_view(const LoadedSample& sample, const ViewParameters& parameters,
                 const ViewSizes& sizes);

/// The parts, for when SAM's embedding is already there.
Picture render_picture(const LoadedSample& sample, const ViewParameters& parameters, int side);
/// picture_side: of SAM's input, whose rounding of the short side the whole image keeps.
MaskGrid render_mask(const LoadedSample& sample, const ViewParameters& parameters, int picture_side,
                     int side);

}  // namespace tessera::segmentation
