// tessera contact-sheet: a model's films of many prompts in one picture, a row each.
#include <algorithm>
#include <filesystem>
#include <memory>

#include "tessera/cli/checks.h"
#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/film_run.h"
#include "tessera/cli/prompt_file.h"
#include "tessera/core/error.h"
#include "tessera/media/image_io.h"
#include "tessera/media/video_writer.h"
#include "tessera/nn/film_tensor.h"
#include "tessera/video/word_encoder.h"

namespace tessera::cli {
namespace {

struct Options {
  FilmOptions film;
  std::string output = "sheet.png", prompts;
  int columns = 6;
  bool is_forced = false;
};

/// The requests of all prompts, so that a wrong one is refused before the first film.
std::vector<video::VideoRequest> make_requests(const Options& options, const LoadedModel& loaded,
                                               const std::vector<std::string>& prompts) {
  std::vector<video::VideoRequest> requests;
  FilmOptions film = options.film;
  const auto most_words = static_cast<size_t>(loaded.model.config.dit.text_len);
  for (const auto& prompt : prompts) {
    film.prompt = prompt;
    const size_t words = loaded.model.vocabulary->look_up(prompt).ids.size();
    TESSERA_CHECK(words <= most_words, "[contact-sheet] a prompt may have ", most_words,
                  " words, got ", words, " in: ", prompt);
    requests.push_back(make_request(film, loaded.model.config));
  }
  return requests;
}

constexpr int64_t kGap = 2;  // pixels between the frames

media::Image make_sheet(const video::VideoRequest& request, int64_t rows, int64_t columns) {
  const int64_t height = rows * (request.height + kGap) - kGap;
  const int64_t width = columns * (request.width + kGap) - kGap;
  const int64_t most = media::ImageLimits().max_side;
  TESSERA_CHECK(height <= most && width <= most,
                "[contact-sheet] sides of the picture must be <= ", most, ", got: ", width, "x",
                height, "; use fewer prompts or columns");
  return media::make_image(static_cast<int>(height), static_cast<int>(width));
}

/// Copies some frames of a film, evenly spread from the first to the last, into row `row`.
void put_row(media::Image& sheet, const media::Frames& film, size_t row, int columns) {
  for (int column = 0; column < columns; ++column) {
    const int index = columns > 1 ? column * (film.num_frames - 1) / (columns - 1) : 0;
    const auto frame = film.frame(index);
    for (int y = 0; y < film.height; ++y) {
      const size_t x = column * (film.width + kGap);
      auto* target = &sheet.data[3 * ((row * (film.height + kGap) + y) * sheet.width + x)];
      std::copy_n(&frame[size_t{3} * y * film.width], size_t{3} * film.width, target);
    }
  }
}

/// Ctrl-C: the rows of the films that are whole are kept.
[[noreturn]] void end_early(const Options& options, media::Image& sheet, int64_t rows,
                            int64_t film_height) {
  if (rows == 0) throw Interrupted("[contact-sheet] stopped; nothing was written");
  sheet.height = static_cast<int>(rows * (film_height + kGap) - kGap);
  sheet.data.resize(size_t{3} * sheet.height * sheet.width);
  media::write_png(options.output, sheet);
  throw Interrupted(concat("[contact-sheet] stopped; ", rows, " rows are in ", options.output));
}

int run_contact_sheet(Console& console, Options options) {
  TESSERA_CHECK(
      std::filesystem::path(options.output).extension() == ".png", options.output,
      ": the picture must be a .png, got: ", std::filesystem::path(options.output).extension());
  media::refuse_existing_file(options.output, options.is_forced);
  resolve_attention(options.film, console);
  const auto prompts = read_prompt_file(options.prompts);
  const LoadedModel loaded = load_model(options.film);
  const auto requests = make_requests(options, loaded, prompts);
  media::Image sheet =
      make_sheet(requests[0], static_cast<int64_t>(prompts.size()), options.columns);
  for (size_t row = 0; row < prompts.size(); ++row) {
    const auto& request = requests[row];
    const auto title = concat(row + 1, "/", prompts.size());
    if (is_interrupted()) end_early(options, sheet, static_cast<int64_t>(row), request.height);
    const auto video = run_film(console, title, loaded, request);
    if (!video.is_complete) end_early(options, sheet, static_cast<int64_t>(row), request.height);
    put_row(sheet, nn::tensor_to_film(video.frames, video.fps), row, options.columns);
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
  add_film_flags(*command, options->film);
  add_attention_flags(*command, options->film.attention, true);
  add_output_flag(*command, options->output, "The picture (PNG)");
  command->add_option("--prompts", options->prompts, "Text file with a prompt a line");
  command->add_option("--columns", options->columns, "Frames of each film")
      ->check(number_in(1, 64))
      ->capture_default_str();
  add_force_flag(*command, options->is_forced);
  finish_command(*command, console, chosen,
                 [&console, options] { return run_contact_sheet(console, *options); });
}

}  // namespace tessera::cli
