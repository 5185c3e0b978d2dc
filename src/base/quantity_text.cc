// SPDX-License-Identifier: Apache-2.0
// Amounts of memory and compute as people write them, in exact decimal arithmetic.
#include "base/quantity_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace melon {
namespace {

constexpr std::int64_t kLargestMiB = std::int64_t{1} << 40;
constexpr std::size_t kMostDigits = 20;  // 10^20 times the largest unit fits 128 bits

__extension__ using Wide = unsigned __int128;

constexpr std::string_view kMemoryForms =
    "write an amount such as 512MiB, 512Mi, 0.5GiB or 2G (k M G T are decimal; Ki Mi Gi Ti, also "
    "with B, are binary), a plain number of MiB such as 4096, or a share of the device such as 25%";

struct Unit {
  std::string_view name;
  std::int64_t bytes;
};

constexpr std::int64_t kBytesPerMiB = std::int64_t{1} << 20;
constexpr std::array kUnits = {
    Unit{"", kBytesPerMiB},
    Unit{"k", 1'000},
    Unit{"M", 1'000'000},
    Unit{"G", 1'000'000'000},
    Unit{"T", 1'000'000'000'000},
    Unit{"Ki", std::int64_t{1} << 10},
    Unit{"Mi", kBytesPerMiB},
    Unit{"Gi", std::int64_t{1} << 30},
    Unit{"Ti", std::int64_t{1} << 40},
    Unit{"KiB", std::int64_t{1} << 10},
    Unit{"MiB", kBytesPerMiB},
    Unit{"GiB", std::int64_t{1} << 30},
    Unit{"TiB", std::int64_t{1} << 40},
};

/// digits / 10^decimals, and whatever follows the number.
struct Number {
  Wide digits = 0;
  Wide scale = 1;  // 10^decimals
  std::string_view unit;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
  const auto* const end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto length = static_cast<std::size_t>(end - text.begin());
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

std::string_view without_leading_zeros(std::string_view digits) {
  const auto first = digits.find_first_not_of('0');
  return first == std::string_view::npos ? std::string_view{} : digits.substr(first);
}

std::string_view without_trailing_zeros(std::string_view digits) {
  const auto last = digits.find_last_not_of('0');
  return last == std::string_view::npos ? std::string_view{} : digits.substr(0, last + 1);
}

/// Splits "12.5 GiB" into 125 / 10 and "GiB". The error is the broken rule alone.
tl::expected<Number, std::string_view> split_number(std::string_view text) {
  const auto broken = [](std::string_view rule) { return tl::unexpected(rule); };
  if (text.empty()) return broken("an amount is missing");
  if (text.front() == '-') return broken("an amount is never negative");
  std::string_view whole = take_digits(text);
  if (whole.empty()) return broken("an amount starts with a digit");
  std::string_view decimals;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    decimals = take_digits(text);
    if (decimals.empty()) return broken("digits are missing after the decimal point");
  }
  whole = without_leading_zeros(whole);
  decimals = without_trailing_zeros(decimals);
  if (whole.size() > kMostDigits) return broken("the number is too large");
  if (whole.size() + decimals.size() > kMostDigits) return broken("the number has too many digits");

  Number number;
  for (const char c : whole) number.digits = number.digits * 10 + static_cast<unsigned>(c - '0');
  for (const char c : decimals) {
    number.digits = number.digits * 10 + static_cast<unsigned>(c - '0');
    number.scale *= 10;
  }
  number.unit = text.substr(std::min(text.find_first_not_of(' '), text.size()));
  if (number.digits == 0) return broken("zero is not an amount");
  return number;
}

/// The number of a "%" as permille. The error is the broken rule alone.
tl::expected<Permille, std::string> to_permille(const Number& number, Permille largest) {
  const auto broken = [](std::string rule) { return tl::unexpected(std::move(rule)); };
  const Wide tenths = number.digits * 10;
  if (tenths < number.scale) return broken("the smallest share is 0.1%");
  if (tenths > number.scale * static_cast<Wide>(largest.count()))
    return broken(fmt::format("the largest share is {}", to_text(largest)));
  if (tenths % number.scale != 0) return broken("shares go in steps of 0.1%");
  return Permille(static_cast<std::int64_t>(tenths / number.scale));
}

std::string why_no_unit(std::string_view unit) {
  if (unit == "KB" || unit == "kB" || unit == "MB" || unit == "GB" || unit == "TB")
    return fmt::format(
        "'{0}' means powers of 1000 to some and of 1024 to others; write {1} or {1}iB", unit,
        unit.substr(0, 1));
  const auto* const same = std::find_if(kUnits.begin(), kUnits.end(), [unit](const Unit& known) {
    return std::equal(unit.begin(), unit.end(), known.name.begin(), known.name.end(),
                      [](char a, char b) { return (a | 0x20) == (b | 0x20); });
  });
  if (same != kUnits.end())
    return fmt::format("'{}' is not a unit; did you mean {}?", unit, same->name);
  return fmt::format("'{}' is not a unit", unit);
}

std::string with_hundredths(std::int64_t hundredths) {
  if (hundredths % 100 == 0) return fmt::format("{}", hundredths / 100);
  if (hundredths % 10 == 0) return fmt::format("{}.{}", hundredths / 100, hundredths / 10 % 10);
  return fmt::format("{}.{:02}", hundredths / 100, hundredths % 100);
}

}  // namespace

MiB MemoryAmount::on(MiB device_memory) const {
  if (!of_device) return absolute;
  return std::max(MiB(1), MiB(device_memory.count() * of_device->count() / kWholeDevice.count()));
}

Result<MemoryAmount> parse_memory(std::string_view text) {
  const auto bad = [text](std::string_view rule) {
    return fail(Code::kInvalidArgument, fmt::format("memory '{}': {}", text, rule),
                std::string(kMemoryForms));
  };
  const auto number = split_number(text);
  if (!number) return bad(number.error());
  if (number->unit == "%") {
    const auto share = to_permille(*number, kWholeDevice);
    if (!share) return bad(share.error());
    return MemoryAmount{MiB(0), *share};
  }
  const auto* const unit = std::find_if(
      kUnits.begin(), kUnits.end(), [&](const Unit& known) { return known.name == number->unit; });
  if (unit == kUnits.end()) return bad(why_no_unit(number->unit));

  const Wide scaled_bytes = number->digits * static_cast<Wide>(unit->bytes);
  const Wide scaled_mib = number->scale * static_cast<Wide>(kBytesPerMiB);
  if (scaled_bytes < scaled_mib) return bad("the smallest amount is 1 MiB (1048576 bytes)");
  if (scaled_bytes > scaled_mib * static_cast<Wide>(kLargestMiB))
    return bad("the largest amount is 2^40 MiB (1048576 TiB)");
  const Wide rounded_up = (scaled_bytes + scaled_mib - 1) / scaled_mib;
  return MemoryAmount{MiB(static_cast<std::int64_t>(rounded_up)), std::nullopt};
}

Result<Permille> parse_percentage(std::string_view what, std::string_view text, Permille largest) {
  const std::string forms =
      fmt::format("write a percentage from 0.1% to {}, such as 25% or 12.5%", to_text(largest));
  const auto bad = [what, text](std::string_view rule, std::string remedy) {
    return fail(Code::kInvalidArgument, fmt::format("{} '{}': {}", what, text, rule),
                std::move(remedy));
  };
  const auto number = split_number(text);
  if (!number) return bad(number.error(), forms);
  if (number->unit.empty())
    return bad("a plain number could mean percent, permille or cores",
               fmt::format("write {}%; {}", text, forms));
  if (number->unit != "%") return bad(fmt::format("'{}' is not the unit %", number->unit), forms);
  const auto share = to_permille(*number, largest);
  if (!share) return bad(share.error(), forms);
  return *share;
}

Result<Permille> parse_compute(std::string_view text) {
  return parse_percentage("compute", text, kWholeDevice);
}

std::string to_text(MiB memory) {
  struct Named {
    std::string_view name;
    std::int64_t mib;
  };
  constexpr std::array kNamed = {Named{"TiB", std::int64_t{1} << 20}, Named{"GiB", 1024}};
  for (const Named& unit : kNamed) {
    if (memory.count() < unit.mib || memory.count() % unit.mib * 100 % unit.mib != 0) continue;
    const std::int64_t whole = memory.count() / unit.mib;
    const std::int64_t hundredths = memory.count() % unit.mib * 100 / unit.mib;
    return fmt::format("{} {}", with_hundredths(whole * 100 + hundredths), unit.name);
  }
  return fmt::format("{} MiB", memory.count());
}

std::string to_text(Permille compute) {
  return fmt::format("{}%", with_hundredths(compute.count() * 10));
}

std::string to_text(const MemoryAmount& memory) {
  return memory.of_device ? to_text(*memory.of_device) : to_text(memory.absolute);
}

}  // namespace melon
