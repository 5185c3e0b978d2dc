// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "os/descriptor.h"

namespace melon::cli {

/// Reads what OutputLog writes, while it writes: every byte once and in order, also when the log
/// turns to a new file in between. Only what has been turned away before it was read is missing.
/// Not thread-safe.
class LogReader {
 public:
  /// `folder` is whose log it is; nothing is opened yet.
  explicit LogReader(std::string folder);

  /// Hands over all that came since the last call, in pieces. False: there is no log at all.
  bool rest(const std::function<void(std::string_view)>& take);

 private:
  struct File {
    os::Descriptor file = {};
    ino_t number = 0;
  };
  /// Youngest first, all at one moment.
  std::vector<File> open_all() const;
  bool turn_to_next(const std::function<void(std::string_view)>& take);

  std::string folder_;
  File current_;
};

}  // namespace melon::cli
