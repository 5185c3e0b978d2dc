// SPDX-License-Identifier: Apache-2.0
// The words of descriptors, look-up, and recognition of a vendor's processes.
#include "vendors/descriptor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace melon::vendors {
namespace {

constexpr std::array kDiscoveries = {std::pair{Discovery::kOpencl, std::string_view("opencl")},
                                     std::pair{Discovery::kNvml, std::string_view("nvml")}};
constexpr std::array kKinds = {std::pair{Kind::kCpu, std::string_view("cpu")},
                               std::pair{Kind::kGpu, std::string_view("gpu")},
                               std::pair{Kind::kAccelerator, std::string_view("accelerator")}};

template <class Table, class Enum>
std::string_view spell(const Table& table, Enum value) {
  for (const auto& [known, word] : table)
    if (known == value) return word;
  return "unknown";
}

template <class Enum, class Table>
Result<Enum> read(const Table& table, std::string_view what, std::string_view text) {
  std::string accepted;
  for (const auto& [value, word] : table) {
    if (word == text) return value;
    accepted += fmt::format("{}{}", accepted.empty() ? "" : ", ", word);
  }
  return fail(Code::kInvalidArgument, fmt::format("{} '{}': not one of {}", what, text, accepted),
              "use one of " + accepted);
}

}  // namespace

std::string_view to_text(Discovery value) { return spell(kDiscoveries, value); }
std::string_view to_text(Kind value) { return spell(kKinds, value); }

Result<Discovery> parse_discovery(std::string_view text) {
  return read<Discovery>(kDiscoveries, "discovery", text);
}
Result<Kind> parse_kind(std::string_view text) { return read<Kind>(kKinds, "kind", text); }

const Descriptor* find(std::span<const Descriptor> descriptors, std::string_view id) {
  const auto found = std::ranges::find(descriptors, id, &Descriptor::id);
  return found == descriptors.end() ? nullptr : &*found;
}

bool is_process_library(const Descriptor& descriptor, std::string_view path) {
  const std::string_view file = path.substr(path.find_last_of('/') + 1);
  return std::ranges::any_of(descriptor.process_libraries, [file](const std::string& pattern) {
    return matches_pattern(pattern, file);
  });
}

bool matches_pattern(std::string_view pattern, std::string_view text) {
  // Greedy with one way back: after a mismatch, the latest * takes one more character.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace melon::vendors
