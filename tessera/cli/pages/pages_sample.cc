// pages_sample FOLDER: writes a demo folder of made-up numbers, to look at the pages in a browser.
#include <cstdio>
#include <exception>

#include "tessera/cli/pages/sample_testing.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: pages_sample FOLDER\n");
    return 2;
  }
  try {
    tessera::cli::pages::write_sample(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
