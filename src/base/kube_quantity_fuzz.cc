// SPDX-License-Identifier: Apache-2.0
// Fuzzes the reader of Kubernetes quantities: any text is refused with a remedy, or becomes a value
// that reads back from its own digits.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>

#include "base/kube_quantity.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto quantity = melon::parse_kube_quantity(text);
  if (!quantity) {
    if (quantity.error().remedy.empty()) std::abort();
    return 0;
  }
  if (quantity->billionths < 0 || quantity->billionths > 999'999'999) std::abort();
  if (quantity->whole < 0 && !quantity->is_integer()) return 0;  // digits alone would not say it
  const auto again =
      melon::parse_kube_quantity(fmt::format("{}.{:09}", quantity->whole, quantity->billionths));
  // Twenty digits are all that count.
  if (again && quantity->whole < 1'000'000'000 && *again != *quantity) std::abort();
  return 0;
}
