// Private: what the opaque handle holds.
#pragma once

#include "tessera/attention/skip_state.h"

struct tessera_skip_state {
  tessera::attention::SkipState state;
};
