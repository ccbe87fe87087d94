// The page of a segmentation run, training or evaluation: verdict, scores, curves, worst cases.
//
// Fill a SegmentReport, call segment_report(), write the text to report.html. Whatever is left
// empty is left out of the page. Pictures come from case_pictures() (segment_pictures.h).
#pragma once

#include <string>
#include <vector>

#include "tessera/cli/pages/score_table.h"

namespace tessera::cli::pages {

/// A setting or a fact, both plain text.
struct NamedValue {
  std::string name, value;
};

/// A file that the run read or wrote.
struct FileDigest {
  std::string role;    // "training images", "SAM", "checkpoint"
  std::string path;    // as the user named it
  std::string sha256;  // empty if not taken
};

/// One image's row in the table.
struct ScoredImage {
  std::string id;
  double dice = 0, iou = 0;
  int height = 0, width = 0;
  double truth_share = 0, predicted_share = 0;  // of the pixels that are foreground, in [0, 1]
};

/// One image to look at. Pictures: data URIs or paths relative to the page; empty ones are left
/// out. Make them with case_pictures().
struct ReportCase {
  std::string id;
  double dice = 0, iou = 0;
  std::string note{};  // such as "1388 × 1040, 117 nuclei"
  std::string image{}, overlay{}, error_map{};
};

/// One value an epoch; a gap where it is NaN.
struct Curve {
  std::string name;  // "training", "validation"
  std::vector<double> values;
  /// 0 for the accent colour, 1 for grey.
  int style = 0;
};

/// Curves that share a chart, the epoch along x.
struct CurveChart {
  std::string title, hint;  // "Loss", "BCE + Dice, mean over the epoch"
  std::string y_axis;       // "loss"
  std::vector<Curve> curves;
  /// The y axis covers this at least; while both are 0 it follows the values.
  double y_low = 0, y_high = 0;
  int first_epoch = 1;
};

struct SegmentReport {
  std::string title;    // "AutoSAM on dsb2018"
  std::string eyebrow;  // "Training run", "Evaluation"
  std::string facts;    // the line below the title: "461 training images · 68 validation · cuda"

  /// What was scored: "test", "validation". With the number of images it makes the verdict.
  std::string split;
  double confidence = 0.95;          // of the bootstrap intervals
  std::vector<ScoreSummary> scores;  // Dice first

  /// Of a training run; zero for an evaluation.
  int epochs = 0;
  int best_epoch = 0;  // 1-based; marked in the charts
  double train_seconds = 0;
  std::string stop_reason;  // "no better validation Dice for 20 epochs"
  std::vector<CurveChart> charts;

  /// This method beside others on the same images; empty if there are none.
  std::vector<MethodScore> methods;

  std::vector<ScoredImage> images;  // any order; the page shows the worst first
  std::vector<ReportCase> worst;    // shown worst first
  std::vector<ReportCase> typical;  // shown as given

  std::vector<std::string> notes;    // what the reader must know: "3 masks are empty"
  std::vector<NamedValue> settings;  // configuration
  std::vector<FileDigest> files;
  std::vector<NamedValue> machine;  // device, threads, versions
  std::vector<NamedValue> links;    // name, path relative to the page: {"scores.csv", "scores.csv"}
};

/// "Mean Dice 0.903 (95 % interval 0.885 to 0.918) and IoU 0.842 (0.821 to 0.860) over 135 test
/// images." One line; says so where nothing was scored.
std::string verdict(const SegmentReport& report);

/// A complete HTML document without outside resources; all text is escaped. Works from a file,
/// without a server; without JavaScript only sorting and enlarging are missing.
std::string segment_report(const SegmentReport& report);

}  // namespace tessera::cli::pages
