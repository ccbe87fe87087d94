// make_tiny_sam FOLDER [SEED] writes a SAM with random weights, small enough for tests that care
// about everything but what it sees: 64 pixels, 8 x 8 tokens, masks of 32 x 32.
#include <cstdio>
#include <cstdlib>

#include "tessera/segmentation/demo_sam/recipe.h"
#include "tessera/segmentation/sam/sam_files.h"

int main(int argc, char** argv) {
  using namespace tessera::segmentation;
  if (argc < 2) {
    std::fprintf(stderr, "usage: make_tiny_sam FOLDER [SEED]\n");
    return 2;
  }
  SamConfig config = tiny_sam_config();
  config.image_size = 64;
  try {
    Sam sam(config);
    sam.initialise(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0);
    save_sam(sam, argv[1], at::kFloat, {});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_tiny_sam: %s\n", error.what());
    return 1;
  }
  return 0;
}
