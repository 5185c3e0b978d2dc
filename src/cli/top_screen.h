// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/sparkline.h"

namespace melon::cli {

enum class TopOrder { kName, kMemory, kCompute };

/// How a person looks at the screen.
struct TopView {
  std::size_t width = 80;
  std::size_t height = 24;
  TopOrder order = TopOrder::kName;
  std::string filter = {};  // part of a name, owner, state or device
  bool editing = false;     // the filter is being typed
  std::string notice = {};  // shown in place of the keys
  bool color = false;
  Glyphs glyphs = Glyphs::kUnicode;
};

/// Compute used, permille of a device, youngest last, for each device and workload.
class TopHistory {
 public:
  /// Adds one sample of everything shown and forgets what is gone.
  void add(const Json& devices, const Json& grants);
  /// "device/ID" or "grant/ID".
  const std::vector<std::int64_t>& of(const std::string& key) const;

 private:
  void append(std::map<std::string, std::vector<std::int64_t>>& next, const std::string& key,
              std::int64_t value);
  std::map<std::string, std::vector<std::int64_t>> values_;
};

/// The screen as lines of at most `width` columns and at most `height` lines; what does not fit is
/// counted in the last line but one. Pure.
std::vector<std::string> top_screen(const Json& devices, const Json& grants,
                                    const TopHistory& history, const TopView& view);

/// What a key does to the view. False: quit.
bool press(char key, TopView& view);

}  // namespace melon::cli
