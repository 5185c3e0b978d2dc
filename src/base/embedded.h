// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace melon::embedded {

/// A file of the source tree, compiled into the binary by melon_embed() (cmake/embed.cmake). Each
/// embedding module declares its own accessor: `std::span<const File> vendor_files();`.
struct File {
  std::string_view name;
  std::string_view content;
};

}  // namespace melon::embedded
