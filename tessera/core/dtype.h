// Element types of arrays in memory and in weight files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tessera {

enum class DType : int32_t {
  kFloat64,
  kFloat32,
  kFloat16,
  kBFloat16,
  kInt64,
  kInt32,
  kInt16,
  kUInt8,
  kInt8,
  kBool
};

/// Bytes of one element.
size_t dtype_bytes(DType dtype);

/// Short lower-case name: "fp32", "bf16", "int32", ...
std::string_view dtype_name(DType dtype);

/// bfloat16 as stored: the upper half of an IEEE single.
struct BFloat16 {
  uint16_t bits = 0;
};

/// Nearest-even rounding; a NaN stays a NaN.
BFloat16 to_bfloat16(float value);
float to_float(BFloat16 value);

/// IEEE half precision as stored.
struct Float16 {
  uint16_t bits = 0;
};

/// Nearest-even rounding; beyond 65504 infinity; a NaN stays a NaN.
Float16 to_float16(float value);
float to_float(Float16 value);

}  // namespace tessera
