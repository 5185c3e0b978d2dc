// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <termios.h>

#include <cstddef>
#include <string>
#include <vector>

#include "cli/sparkline.h"

namespace melon::cli {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t lines = 24;
};
/// Of standard output; 80x24 where it is no terminal.
TerminalSize terminal_size();

/// Neither a dumb terminal (TERM) nor one where colour is unwanted (NO_COLOR).
bool terminal_shows_color();

/// What the locale's character set allows.
Glyphs terminal_glyphs();

/// A terminal that shows one full screen and delivers keys at once. The destructor puts back what
/// was there; leave() and enter() do so around a stop of the process.
class FullScreen {
 public:
  FullScreen();
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  void enter();
  void leave();
  /// Replaces the screen's content in one write.
  void show(const std::vector<std::string>& lines);

 private:
  termios before_{};
  bool entered_ = false;
};

}  // namespace melon::cli
