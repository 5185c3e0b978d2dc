// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace melon::cli {

/// A detached program's output: "output.log" in a folder, its older parts "output.log.1" (younger)
/// and on. Not thread-safe; one writer.
class OutputLog {
 public:
  struct Limits {
    std::size_t file_bytes = 10 << 20;
    int files = 3;
  };

  /// Errors: kInternal when the file cannot be opened.
  static Result<OutputLog> open(const std::string& folder, const Limits& limits);
  OutputLog(OutputLog&& other) noexcept;
  OutputLog& operator=(OutputLog&&) = delete;
  ~OutputLog();

  /// Appends, and turns to a new file when this one is full. What a full disk refuses is lost: the
  /// program goes on.
  void append(std::string_view bytes);

 private:
  OutputLog() = default;
  void rotate();

  std::string folder_;
  Limits limits_;
  int file_ = -1;
  std::size_t written_ = 0;
};

/// Where the log of a folder has its file of this age; 0: the youngest.
std::string log_file(const std::string& folder, int age);

}  // namespace melon::cli
