// tessera contact-sheet: a model's films of many prompts in one picture, a row each.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <sstream>

#include "tessera/cli/checks.h"
#include "tessera/cli/command.h"
#include "tessera/cli/film_run.h"
#include "tessera/cli/settings_file.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/image_io.h"
#include "tessera/media/video_writer.h"
#include "tessera/nn/film_tensor.h"
#include "tessera/video/demo/vocabulary.h"

namespace tessera::cli {
namespace {

struct Options {
  FilmOptions film;
  std::string output = "sheet.png", prompts;
  int columns = 6;
  bool is_forced = false;
};

std::vector<std::string> read_prompts(const Options& options) {
  if (options.prompts.empty()) return video::fixed_prompts();
  std::vector<std::string> prompts;
  std::istringstream lines(read_text(options.prompts));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) prompts.push_back(line);
  }
  if (prompts.empty()) throw IoError(options.prompts + ": must have a prompt on a line, got: none");
  return prompts;
}

/// Copies some frames of a film, evenly spread from the first to the last, into row `row`.
void put_row(media::Image& sheet, const media::Frames& film, int row, int columns) {
  constexpr int kGap = 2;
  for (int column = 0; column < columns; ++column) {
    const int index = columns > 1 ? column * (film.num_frames - 1) / (columns - 1) : 0;
    const auto frame = film.frame(index);
    for (int y = 0; y < film.height; ++y) {
      const size_t x = static_cast<size_t>(column) * (film.width + kGap);
      auto* target =
          &sheet
               .data[3 * ((static_cast<size_t>(row) * (film.height + kGap) + y) * sheet.width + x)];
      std::copy_n(&frame[size_t{3} * y * film.width], size_t{3} * film.width, target);
    }
  }
}

int run_contact_sheet(Console& console, Options options) {
  media::refuse_existing(options.output, options.is_forced);
  resolve_attention(options.film, console);
  const auto prompts = read_prompts(options);
  const LoadedModel loaded = load_model(options.film);
  media::Image sheet;
  for (size_t row = 0; row < prompts.size(); ++row) {
    options.film.prompt = prompts[row];
    const auto request = make_request(options.film, loaded.model.config);
    const auto video = run_film(console, concat(row + 1, "/", prompts.size()), loaded, request);
    if (!video.is_complete) throw Interrupted("[contact-sheet] stopped; nothing was written");
    const auto film = nn::tensor_to_film(video.frames, video.fps);
    if (row == 0) {
      sheet = media::make_image(static_cast<int>(prompts.size()) * (film.height + 2) - 2,
                                options.columns * (film.width + 2) - 2);
    }
    put_row(sheet, film, static_cast<int>(row), options.columns);
    console.say(concat(row + 1, ". ", prompts[row]));
  }
  media::write_png(options.output, sheet);
  console.say(options.output);
  return kOk;
}

}  // namespace

void add_contact_sheet(CLI::App& program, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = program.add_subcommand(
      "contact-sheet",
      "Make films of many prompts and show some frames of each in one picture.\n\n"
      "  tessera contact-sheet -o sheet.png            (16 fixed prompts)\n"
      "  tessera contact-sheet --prompts mine.txt --columns 8 -o mine.png");
  add_film_flags(*command, options->film, true);
  command->add_option("-o,--output", options->output, "The picture (PNG)")->capture_default_str();
  command->add_option("--prompts", options->prompts, "Text file with a prompt a line");
  command->add_option("--columns", options->columns, "Frames of each film")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_flag("--force", options->is_forced, "Replace the output if it exists");
  command->add_flag_callback(
      "--json", [&console] { console.use_json_events(); }, "Events as JSON lines");
  add_config_flag(*command);
  command->callback([&console, &chosen, command, options] {
    chosen = [&console, command, options] {
      apply_config_flag(*command);
      return run_contact_sheet(console, *options);
    };
  });
}

}  // namespace tessera::cli
