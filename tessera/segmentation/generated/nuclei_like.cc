#include "tessera/core/error.h"
#include "tessera/segmentation/generated/scene.h"

namespace tessera::segmentation {

Scene make_nuclei_like(int height, int width, uint64_t seed) {
  throw Unsupported("[make_nuclei_like] not written yet");
}

}  // namespace tessera::segmentation
