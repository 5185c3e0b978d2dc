// SPDX-License-Identifier: Apache-2.0
// Fuzzes the quantity parsers: any text is refused, or becomes a value in range that survives
// being written and read again.
#include <cstdint>
#include <cstdlib>

#include "base/quantity_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto memory = melon::parse_memory(text)) {
    const auto again = melon::parse_memory(melon::to_text(*memory));
    if (!again || *again != *memory) std::abort();
  }
  if (const auto compute = melon::parse_compute(text)) {
    if (*compute < melon::Permille(1) || *compute > melon::kWholeDevice) std::abort();
  }
  return 0;
}
