// Private: the table of back ends. A new one is a folder with `forward` and a line in backend.cc.
#pragma once

#include <string>
#include <string_view>

#include "tessera/attention/forward_plan.h"

namespace tessera::attention {

struct Backend {
  std::string_view name;
  std::string_view dtypes;  // for messages: "fp32 and bf16"
  bool (*has_dtype)(DType dtype);
  bool (*is_supported)();      // by this processor
  std::string (*full_name)();  // with the instruction set that will run
  void (*forward)(ForwardPlan& plan);
};

/// The back end of that name; Unsupported when there is none, or the processor lacks it.
const Backend& find_backend(std::string_view name);

/// The first of the table that can run this type here; Unsupported when none can.
const Backend& best_backend(DType dtype);

}  // namespace tessera::attention
