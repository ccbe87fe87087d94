// Private: the table of back ends. A new one is a folder with `forward` and a line in backend.cc.
#pragma once

#include <string>
#include <string_view>

#include "tessera/attention/forward_plan.h"

namespace tessera::attention {

struct Backend {
  std::string_view name;
  bool (*has_dtype)(DType dtype);
  std::string (*full_name)();  // with the instruction set that will run
  void (*forward)(ForwardPlan& plan);
};

/// The back end of that name, or the first of the table for an empty one; Unsupported otherwise.
const Backend& find_backend(std::string_view name);

}  // namespace tessera::attention
