// SPDX-License-Identifier: Apache-2.0
// Shows that something takes its time.
#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ostream>
#include <utility>

namespace melon::cli {

Progress::Progress(std::ostream& err, std::string doing)
    : err_(err), doing_(std::move(doing)), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { hide(); }

void Progress::hide() {
  if (shown_.count() > 0) err_ << "\r\x1b[K" << std::flush;
  shown_ = std::chrono::seconds(0);
}

void Progress::show() {
  const auto now = std::chrono::steady_clock::now();
  const auto waited = std::chrono::duration_cast<std::chrono::seconds>(now - start_);
  if (!terminal_ || waited <= shown_) return;
  err_ << fmt::format("\r\x1b[Kmelon: {}, {} s", doing_, waited.count()) << std::flush;
  shown_ = waited;
}

}  // namespace melon::cli
