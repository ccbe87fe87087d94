// pages_sample FOLDER: writes a demo folder of made-up numbers, to look at the pages in a browser.
#include <cstdio>
#include <exception>
#include <filesystem>

#include "tessera/cli/pages/sample_testing.h"
#include "tessera/cli/pages/segment_sample_testing.h"
#include "tessera/core/file_io.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: pages_sample FOLDER\n");
    return 2;
  }
  try {
    using namespace tessera::cli::pages;
    write_sample(argv[1]);
    tessera::write_file(std::filesystem::path(argv[1]) / "segment.html",
                        segment_report(sample_segment_report(40, 57, 3)));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
