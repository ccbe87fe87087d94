// From what is there to what a picture shows: light, blur, noise, compression, tone.
#pragma once

#include "tessera/media/frames.h"
#include "tessera/segmentation/generated/canvas.h"
#include "tessera/segmentation/generated/chance.h"

namespace tessera::segmentation::generated {

struct Camera {
  bool is_grey = false;  // the canvas' channels are equal; so are the picture's

  float vignette = 0;  // darkness of the corners
  float shading = 0;   // change of brightness from the middle to one side
  float shading_turns = 0;
  float spot = 0;             // additional light around one place
  Rgb aperture = {};          // colour outside the aperture
  float aperture_radius = 0;  // in half sides; 0 for none
  float aperture_x = 0;       // of its middle, in half sides from the picture's

  float blur = 0;        // deviation, pixels
  float read_noise = 0;  // deviation
  float shot_noise = 0;  // variance per brightness
  float noise_blur = 0;  // deviation, pixels
  float blockiness = 0;  // quantisation step of 8 x 8 blocks

  bool is_inverted = false;
  bool is_stretched = false;  // darkest to black, brightest to white
  float gain = 1, offset = 0;
  Rgb gamma = {1, 1, 1};
};

/// How far inside the aperture a pixel's middle is, in pixels; below 0 outside.
class Aperture {
 public:
  Aperture(const Camera& camera, int height, int width);
  float depth(int y, int x) const;

 private:
  float radius_, centre_x_, centre_y_;  // pixels
};

/// Changes the canvas on the way.
media::Image take_picture(Canvas& canvas, const Camera& camera, Random& random);

}  // namespace tessera::segmentation::generated
