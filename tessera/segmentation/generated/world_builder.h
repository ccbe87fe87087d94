// Draws a world: first a style, then everything in it.
//
// Two draws must not be arguments of one call: compilers evaluate arguments in different orders.
#pragma once

#include "tessera/segmentation/generated/palette.h"
#include "tessera/segmentation/generated/world.h"

namespace tessera::segmentation::generated {

class WorldBuilder {
 public:
  WorldBuilder(const SceneSettings& settings, Random& random)
      : size_(static_cast<float>(settings.size)),
        scale_(size_ / 512),
        max_objects_(settings.max_objects),
        random_(random) {}

  World build();

 private:
  // Styles. world_of_things.cc:
  void draw_things();  // any objects on any ground
  void draw_smooth();  // swellings of a shiny surface
  // world_of_cells.cc:
  void draw_dark_field();    // glowing on dark
  void draw_stained();       // dyed tissue
  void draw_bright_field();  // in transmitted light

  Kind dark_field_kind(const Rgb& tint, float peak, float ground);
  Kind stained_kind(const Rgb& dye, const Rgb& pale);
  Kind bright_field_kind(const Rgb& ground);

  // Parts. world_builder.cc:
  float draw(Range range) { return generated::draw(random_, range); }
  float draw_log(Range range) { return generated::draw_log(random_, range); }
  bool happens(float probability) { return generated::happens(random_, probability); }
  Rgb draw_hsv(Range hue, Range saturation, Range value);
  Range draw_range(Range low, Range width);

  const Texture* draw_texture(Range feature);
  ShapeStyle draw_any_shape();
  ShapeStyle draw_round_shape();
  void draw_surface(Kind& kind);     // texture, rim, relief, edge: anything goes
  void draw_ground(float strength);  // clouds, texture, patches of the background

  /// Many small ones, about 12 to 50 pixels across.
  void add_crowd(const Kind& kind);
  /// Some, up to 400 pixels across; `abundance` multiplies their number.
  void add_few(const Kind& kind, int abundance);
  void add(const Kind& kind, Range diameter, int count, Layout layout, float room);
  void draw_order();
  void draw_camera();

  float size_, scale_;  // side in pixels, and relative to 512
  int max_objects_;
  Random& random_;
  World world_;
};

}  // namespace tessera::segmentation::generated
