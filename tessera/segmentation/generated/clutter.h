// What is in a picture but is no object: lines, specks, smudges, marks like writing, highlights.
#pragma once

#include "tessera/segmentation/generated/canvas.h"
#include "tessera/segmentation/generated/chance.h"

namespace tessera::segmentation::generated {

struct Clutter {
  int lines = 0;
  Range line_width = {0.8f, 2.5f};  // pixels
  float line_opacity = 0.5f;
  float line_bend = 0.3f;  // turns
  bool lines_are_above = false;
  Rgb line_colour = {};

  int specks = 0;  // a few pixels each
  Rgb speck_colour = {};

  int smudges = 0;  // wide and faint
  float smudge_opacity = 0.1f;
  Rgb smudge_colour = {};

  int marks = 0;  // rows of small strokes
  Rgb mark_colour = {};

  int highlights = 0;               // small and glaring, above everything
  Range highlight_radius = {2, 8};  // pixels
  Rgb highlight_colour = {1, 1, 1};
};

void paint_clutter_below(Canvas& canvas, const Clutter& clutter, Random& random);
void paint_clutter_above(Canvas& canvas, const Clutter& clutter, Random& random);

}  // namespace tessera::segmentation::generated
