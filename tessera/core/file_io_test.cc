#include "tessera/core/file_io.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera {
namespace {

TEST(AtomicFile, AppearsOnlyOnCommit) {
  const testing::TemporaryFolder folder;
  {
    AtomicFile file(folder / "a.txt");
    file.write("half");
    EXPECT_FALSE(std::filesystem::exists(folder / "a.txt"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  write_file(folder / "a.txt", "whole");
  EXPECT_EQ(read_text(folder / "a.txt"), "whole");
}

TEST(MappedFile, NamesThePathAndTheReason) {
  const testing::TemporaryFolder folder;
  try {
    MappedFile file(folder / "missing");
    FAIL();
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("missing: cannot be opened: No such file"),
              std::string::npos);
  }
  EXPECT_THROW(MappedFile file(folder.path()), IoError);
}

TEST(Sha256, AgreesWithThePublishedVector) {
  EXPECT_EQ(sha256(std::as_bytes(std::span("abc", 3))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace tessera
