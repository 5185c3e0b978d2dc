// SPDX-License-Identifier: Apache-2.0
// Look-up in descriptors, and recognition of a vendor's processes.
#include "vendors/descriptor.h"

#include <algorithm>

namespace melon::vendors {

const std::string& ResourceNames::of(Resource resource) const {
  switch (resource) {
    case Resource::kCount:
      return count;
    case Resource::kMemory:
      return memory;
    case Resource::kMemoryPercentage:
      return memory_percentage;
    case Resource::kCompute:
      return compute;
    case Resource::kPriority:
      break;
  }
  return priority;
}

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
