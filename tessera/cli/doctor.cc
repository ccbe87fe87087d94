// tessera doctor: what this machine and this build can do, and what to do about the rest.
#include <filesystem>
#include <string>
#include <thread>

#include <sys/sysinfo.h>

#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/film_run.h"
#include "tessera/cli/models.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/media/ffmpeg.h"
#include "tessera/nn/cuda_module.h"
#include "tessera/nn/device.h"

namespace tessera::cli {
namespace {

class Report {
 public:
  explicit Report(Console& console) : console_(console) {}

  /// One finding: `state` is "ok", "absent" (optional, and why) or "broken" (and what mends it).
  void add(const std::string& state, const std::string& what, const std::string& text) {
    if (console_.is_json()) {
      console_.event({{"event", "finding"}, {"state", state}, {"what", what}, {"text", text}});
    } else {
      const std::string mark = state == "ok"       ? "  ok      "
                               : state == "absent" ? "  absent  "
                                                   : "  BROKEN  ";
      console_.say(mark + what + ": " + text);
    }
    is_broken_ = is_broken_ || state == "broken";
  }

  bool is_broken() const { return is_broken_; }

 private:
  Console& console_;
  bool is_broken_ = false;
};

void examine_machine(Report& report) {
  struct sysinfo memory {};
  sysinfo(&memory);
  const double total = static_cast<double>(memory.totalram) * memory.mem_unit;
  const double available = static_cast<double>(memory.freeram + memory.bufferram) * memory.mem_unit;
  report.add("ok", "processor",
             concat(machine_name(), ", ", std::thread::hardware_concurrency(), " threads, ",
                    format_bytes(total), " memory (", format_bytes(available), " unused)"));
  std::error_code failure;
  const auto disk = std::filesystem::space(".", failure);
  if (!failure) {
    report.add(disk.available > 1'000'000'000 ? "ok" : "broken", "disk here",
               format_bytes(static_cast<double>(disk.available)) + " free" +
                   (disk.available > 1'000'000'000 ? "" : "; films and checkpoints need room"));
  }
}

void examine_cuda(Report& report) {
  std::string reason;
  const nn::CudaModule* cuda = nn::cuda_module(&reason);
  if (cuda == nullptr) {
    report.add("absent", "CUDA module", reason + " (only needed for --device cuda)");
    return;
  }
  const int count = cuda->device_count();
  if (count == 0) {
    report.add("absent", "CUDA module",
               concat("loaded, built for sm_", cuda->built_for(), ", but no GPU answers"));
    return;
  }
  for (int device = 0; device < count; ++device) {
    const auto info = cuda->device_info(device);
    const std::string name = concat("GPU ", device);
    const std::string text =
        concat(info.name, ", sm_", info.compute_capability, ", ", info.num_multiprocessors,
               " multiprocessors, ", format_bytes(static_cast<double>(info.memory_bytes)));
    try {
      cuda->self_test(device);
      report.add("ok", name, text + concat("; kernels built for ", cuda->built_for(), " run"));
    } catch (const DeviceError& error) {
      report.add("broken", name, text + "; " + error.what());
    }
  }
}

void examine_ffmpeg(Report& report) {
  const auto& ffmpeg = media::ffmpeg_status();
  if (ffmpeg.can_write_mp4) {
    report.add("ok", "FFmpeg module",
               concat("H.264 through ", ffmpeg.encoder, ", libavcodec ", ffmpeg.version));
  } else {
    report.add("absent", "FFmpeg module", ffmpeg.reason + " (PNG frames and .y4m work without it)");
  }
}

void examine_models(Report& report) {
  const auto folders = installed_models();
  if (folders.empty()) {
    report.add("broken", "models",
               "none found; looked in " + describe_model_folders() +
                   " (set TESSERA_MODELS, or name one with --model)");
  }
  for (const auto& folder : folders) report.add("ok", "model", folder.string());
}

int run_doctor(Console& console) {
  Report report(console);
  report.add("ok", "tessera", concat(version(), " (", commit(), ")"));
  examine_machine(report);
  for (const auto& backend : attention_backends()) report.add("ok", "attention back end", backend);
  examine_cuda(report);
  examine_ffmpeg(report);
  examine_models(report);
  console.say(report.is_broken() ? "Something above needs mending."
                                 : "All that is needed is there.");
  return report.is_broken() ? kFailed : kOk;
}

}  // namespace

void add_doctor(CLI::App& program, Console& console, Run& chosen) {
  auto* command =
      program.add_subcommand("doctor", "Report what this machine and this build can do");
  finish_command(*command, console, chosen, [&console] { return run_doctor(console); });
}

}  // namespace tessera::cli
