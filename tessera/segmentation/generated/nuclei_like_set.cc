#include "tessera/segmentation/generated/nuclei_like_set.h"

#include <iomanip>
#include <sstream>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/random.h"
#include "tessera/media/image_io.h"
#include "tessera/media/label_image.h"
#include "tessera/segmentation/generated/scene.h"

namespace tessera::segmentation {
namespace {

std::string id_of(int index) {
  std::ostringstream text;
  text << "nuclei-" << std::setw(3) << std::setfill('0') << index;
  return text.str();
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(concat(folder.string(), ": cannot make the folder: ", error.message()));
}

}  // namespace

void write_nuclei_like_set(const std::filesystem::path& folder, const NucleiLikeSet& set) {
  const int count = set.num_train + set.num_val + set.num_test;
  TESSERA_CHECK(
      set.num_train >= 0 && set.num_val >= 0 && set.num_test >= 0 && count >= 1,
      "[write_nuclei_like_set] counts must be at least 0 and one of them above, got train ",
      set.num_train, ", val ", set.num_val, ", test ", set.num_test);
  make_folder(folder / "images");
  make_folder(folder / "masks");
  std::string split = "id,split\n";
  Random seeds(set.seed);
  for (int i = 0; i < count; ++i) {
    const std::string id = id_of(i);
    const Scene scene = make_nuclei_like(set.height, set.width, seeds.next());
    media::write_png(folder / "images" / (id + ".png"), scene.image);
    media::write_label_png(folder / "masks" / (id + ".png"), set.height, set.width, scene.labels);
    const bool is_train = i < set.num_train, is_val = i < set.num_train + set.num_val;
    split += id + (is_train ? ",train\n" : is_val ? ",val\n" : ",test\n");
  }
  write_file(folder / "split.csv", split);
}

}  // namespace tessera::segmentation
