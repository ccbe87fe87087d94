// The few functions of real numbers that the pictures need, with the same result on every machine:
// the C library's sin, exp and pow differ in the last bit between versions and processors.
#pragma once

namespace tessera::segmentation::generated {

/// sin and cos of an angle in turns (1 = full circle), error below 1e-6.
float sine(float turns);
float cosine(float turns);

/// e^x for |x| <= 80, relative error below 1e-6.
float exponential(float x);

/// base^exponent for base >= 0; 0 for base 0.
float power(float base, float exponent);

/// 0 below `low`, 1 above `high`, smooth between; low < high.
inline float smoothstep(float low, float high, float x) {
  float t = (x - low) / (high - low);
  t = t < 0 ? 0 : t > 1 ? 1 : t;
  return t * t * (3 - 2 * t);
}

}  // namespace tessera::segmentation::generated
