// How the objects of a kind look, and painting one.
#pragma once

#include "tessera/segmentation/generated/canvas.h"
#include "tessera/segmentation/generated/chance.h"
#include "tessera/segmentation/generated/noise.h"
#include "tessera/segmentation/generated/outlines.h"

namespace tessera::segmentation::generated {

enum class Blend {
  kOver,      ///< paint
  kAdd,       ///< light, as in fluorescence
  kMultiply,  ///< dye: the colour is what it lets through
};

/// Inside an object each pixel has a tone: 0 shows `base`, 1 shows `alternate`. Strengths below are
/// in tones. Lengths that say so are in radii of the object.
struct Kind {
  ShapeStyle shape;
  Rgb base = {0.8f, 0.8f, 0.8f}, alternate = {0.4f, 0.4f, 0.4f};
  float colour_jitter = 0;    // deviation of each channel, by object
  Range brightness = {1, 1};  // factor, by object
  Blend blend = Blend::kOver;
  Range opacity = {1, 1};  // by object

  const Texture* texture = nullptr;  // none if null
  float texture_strength = 0;
  float texture_scale = 1;         // texture pixels per pixel
  const Texture* marks = nullptr;  // shows mark_colour where this texture is above mark_level
  Rgb mark_colour = {};
  float mark_strength = 0;  // opacity
  float mark_level = 0.5f;
  float gradient = 0;      // from one side of the object to the other
  float rim = 0;           // at the border; fades within rim_width
  float rim_width = 0.2f;  // radii
  float core = 0;          // at the middle; fades to the border
  int max_spots = 0;       // nucleoli and the like
  float spot_strength = 0;
  float dome = 0;         // relief: share of brightness that a slope takes or gives
  float dome_width = 1;   // radii from the border to the top
  float light_turns = 0;  // where the light comes from

  float softness = 0.5f;         // blur of the border, deviation in pixels
  float defocused = 0;           // share of objects that are out of focus
  float shadow = 0;              // darkness of a drop shadow
  Point shadow_offset = {};      // radii
  float shadow_softness = 0.2f;  // radii
  float halo = 0;                // opacity of a larger pale blob below that is no object
  Rgb halo_colour = {};
};

/// Paints objects onto a canvas and notes which pixels are theirs.
class ObjectPainter {
 public:
  ObjectPainter(Canvas& canvas, std::vector<uint16_t>& labels) : canvas_(canvas), labels_(labels) {}

  /// `label` 0 leaves the labels alone. Draws the object's own numbers from `random`.
  void paint(const Kind& kind, Point centre, float radius, uint16_t label, Random& random);

 private:
  struct Own;  // numbers of one object

  Box clipped(const Box& box, int margin) const;
  void paint_shadow(const Kind& kind, const Outline& outline, float radius);
  void paint_halo(const Kind& kind, Point centre, float radius, Random& random);
  void fill_tone(const Kind& kind, const Own& own, Random& random);
  void add_texture(const Kind& kind, Random& random);
  void add_spots(const Kind& kind, const Own& own, Random& random);
  void fill_marks(const Kind& kind, Random& random);
  void fill_light(const Kind& kind, const Own& own);
  void compose(const Kind& kind, const Own& own);
  void take_pixels(uint16_t label);

  Canvas& canvas_;
  std::vector<uint16_t>& labels_;
  Box box_;
  Plane coverage_, alpha_, depth_, tone_, light_, marks_;
  std::vector<float> row_;
};

}  // namespace tessera::segmentation::generated
