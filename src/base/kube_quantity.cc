// SPDX-License-Identifier: Apache-2.0
// Reads quantities as Kubernetes writes them.
#include "base/kube_quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

namespace melon {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::size_t kMostDigits = 20;
constexpr std::size_t kLongestText = 64;
constexpr int kBillion = 9;  // billionths have this many decimal places

struct Suffix {
  std::string_view text;
  int power_of_10;
  int power_of_2;
};
constexpr std::array kSuffixes = {
    Suffix{"n", -9, 0},  Suffix{"u", -6, 0},  Suffix{"m", -3, 0},  Suffix{"", 0, 0},
    Suffix{"k", 3, 0},   Suffix{"M", 6, 0},   Suffix{"G", 9, 0},   Suffix{"T", 12, 0},
    Suffix{"P", 15, 0},  Suffix{"E", 18, 0},  Suffix{"Ki", 0, 10}, Suffix{"Mi", 0, 20},
    Suffix{"Gi", 0, 30}, Suffix{"Ti", 0, 40}, Suffix{"Pi", 0, 50}, Suffix{"Ei", 0, 60}};

/// The digits of a number: mantissa x 10^-places.
struct Digits {
  std::uint64_t mantissa = 0;
  int places = 0;
  bool rest = false;  // digits that do not fit follow the point, and one is not 0
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Adds one digit. False: before the point, and more than can count.
bool take_digit(Digits& digits, std::uint64_t value, std::size_t& counted, bool after_point) {
  const bool fits = digits.mantissa <= (std::numeric_limits<std::uint64_t>::max() - value) / 10 &&
                    counted < kMostDigits;
  if (!fits) {
    digits.rest = digits.rest || value != 0;
    return after_point;
  }
  digits.mantissa = digits.mantissa * 10 + value;
  if (digits.mantissa != 0) ++counted;
  if (after_point) ++digits.places;
  return true;
}

/// Takes digits with at most one point off the front of `text`; nothing when there is none, or more
/// than can count.
std::optional<Digits> take_digits(std::string_view& text) {
  Digits digits;
  std::size_t counted = 0;
  bool any = false;
  bool after_point = false;
  while (!text.empty() && (is_digit(text.front()) || (text.front() == '.' && !after_point))) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '.') {
      after_point = true;
      continue;
    }
    any = true;
    if (!take_digit(digits, static_cast<std::uint64_t>(c - '0'), counted, after_point))
      return std::nullopt;
  }
  return any ? std::optional(digits) : std::nullopt;
}

/// "e3", "E-2".
std::optional<Suffix> exponent_of(std::string_view text) {
  if (text.size() < 2 || (text.front() != 'e' && text.front() != 'E')) return std::nullopt;
  text.remove_prefix(1);
  const bool plus = text.front() == '+';
  if (plus) text.remove_prefix(1);
  if (plus && text.starts_with('-')) return std::nullopt;
  int power = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), power);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return Suffix{"", std::clamp(power, -100, 100), 0};
}

std::optional<Suffix> suffix_of(std::string_view text) {
  for (const Suffix& suffix : kSuffixes)
    if (suffix.text == text) return suffix;
  return exponent_of(text);
}

/// In billionths, away from zero; nothing above 2^63 wholes.
std::optional<Wide> billionths_of(const Digits& digits, const Suffix& suffix) {
  constexpr Wide kMost = (Wide{1} << 63) * 1'000'000'000;
  Wide value = digits.mantissa;
  value <<= static_cast<unsigned>(suffix.power_of_2);  // 2^64 x 2^60 fits
  bool rest = digits.rest;
  int power = suffix.power_of_10 - digits.places + kBillion;
  for (; power > 0 && value != 0; --power) {
    value *= 10;
    if (value >= kMost) return std::nullopt;
  }
  for (; power < 0 && value != 0; ++power) {
    rest = rest || value % 10 != 0;
    value /= 10;
  }
  value += rest ? 1 : 0;
  return value < kMost ? std::optional(value) : std::nullopt;
}

KubeQuantity signed_quantity(Wide billionths, bool negative) {
  constexpr Wide kOne = 1'000'000'000;
  auto whole = static_cast<std::int64_t>(billionths / kOne);
  auto fraction = static_cast<std::int32_t>(billionths % kOne);
  if (negative) {
    whole = -whole - (fraction == 0 ? 0 : 1);
    fraction = fraction == 0 ? 0 : static_cast<std::int32_t>(kOne) - fraction;
  }
  return {whole, fraction};
}

}  // namespace

std::int64_t KubeQuantity::rounded_up() const {
  return is_integer() || whole == std::numeric_limits<std::int64_t>::max() ? whole : whole + 1;
}

Result<KubeQuantity> parse_kube_quantity(std::string_view text) {
  const auto bad = [text](std::string_view rule, std::string remedy) {
    return fail(Code::kInvalidArgument,
                fmt::format("quantity '{}': {}", text.substr(0, kLongestText), rule),
                std::move(remedy));
  };
  constexpr std::string_view kForm = "write a number such as 3000, 16Gi, 1500m or 12e3";
  if (text.size() > kLongestText) return bad("longer than 64 characters", std::string(kForm));
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const auto digits = take_digits(rest);
  if (!digits) return bad("not a number, or too many digits", std::string(kForm));
  const auto suffix = suffix_of(rest);
  if (!suffix) return bad(fmt::format("'{}' is no suffix", rest), std::string(kForm));
  const auto billionths = billionths_of(*digits, *suffix);
  if (!billionths) return bad("beyond 2^63 - 1", "write a smaller amount");
  return signed_quantity(*billionths, negative);
}

}  // namespace melon
