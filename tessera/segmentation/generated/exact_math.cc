#include "tessera/segmentation/generated/exact_math.h"

#include <cmath>  // floor, frexp and ldexp are exact

namespace tessera::segmentation::generated {
namespace {

constexpr double kTwoPi = 6.283185307179586, kLn2 = 0.6931471805599453;

double exp2_of(double x) {
  const double whole = std::floor(x + 0.5);
  const double y = (x - whole) * kLn2;  // |y| <= 0.35: the series' next term is below 1e-8
  double sum = 1;
  for (int k = 7; k >= 1; --k) sum = 1 + sum * y / k;
  return std::ldexp(sum, static_cast<int>(whole));
}

double log2_of(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // [0.5, 1)
  if (m < 0.7071067811865476) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1), s2 = s * s;
  double sum = 0;
  for (int k = 11; k >= 1; k -= 2) sum = sum * s2 + 1.0 / k;
  return exponent + 2 * s * sum / kLn2;
}

}  // namespace

float sine(float turns) {
  double t = turns;
  t -= std::floor(t + 0.5);  // [-1/2, 1/2)
  if (t > 0.25) t = 0.5 - t;
  if (t < -0.25) t = -0.5 - t;
  const double x = t * kTwoPi, x2 = x * x;
  double sum = 1;  // x - x^3/3! + ..., to x^13
  for (int k = 12; k >= 2; k -= 2) sum = 1 - sum * x2 / (k * (k + 1));
  return static_cast<float>(x * sum);
}

float cosine(float turns) { return sine(turns + 0.25f); }

float exponential(float x) { return static_cast<float>(exp2_of(x / kLn2)); }

float power(float base, float exponent) {
  if (!(base > 0)) return 0;
  return static_cast<float>(exp2_of(exponent * log2_of(base)));
}

}  // namespace tessera::segmentation::generated
