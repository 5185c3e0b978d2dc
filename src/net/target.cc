// SPDX-License-Identifier: Apache-2.0
// Decodes request targets: the part of HTTP that Beast leaves to its user.
#include "net/target.h"

#include <fmt/format.h>

#include <optional>

namespace melon::net {
namespace {

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

/// The byte that "%41..." begins with, unless that is broken or a NUL.
std::optional<char> unescape(std::string_view escape) {
  if (escape.size() < 3) return std::nullopt;
  const auto high = hex_digit(escape[1]);
  const auto low = hex_digit(escape[2]);
  if (!high || !low || (*high | *low) == 0) return std::nullopt;
  return static_cast<char>(*high * 16 + *low);
}

enum class Plus { kLiteral, kSpace };

/// Empty when an escape is broken, and for a NUL in whatever form.
std::optional<std::string> decode(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return std::nullopt;
    if (text[i] == '%') {
      const auto byte = unescape(text.substr(i));
      if (!byte) return std::nullopt;
      out.push_back(*byte);
      i += 2;
    } else {
      out.push_back(text[i] == '+' && plus == Plus::kSpace ? ' ' : text[i]);
    }
  }
  return out;
}

tl::unexpected<Error> broken(std::string_view text, std::string_view why) {
  return fail(Code::kInvalidArgument,
              fmt::format("request target '{}': {}", text.substr(0, 200), why),
              "send a path that begins with '/'; escape other bytes as % and two hex digits");
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (!text.starts_with('/')) return broken(text, "does not begin with '/'");
  Target target;
  const auto mark = text.find('?');
  auto path = decode(text.substr(0, mark), Plus::kLiteral);
  if (!path) return broken(text, "broken percent escape in the path");
  target.path = *std::move(path);

  auto rest = mark == std::string_view::npos ? std::string_view() : text.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const auto pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = decode(pair.substr(0, equals), Plus::kSpace);
    const auto behind = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    auto value = decode(behind, Plus::kSpace);
    if (!name || !value) return broken(text, "broken percent escape in the query");
    target.query[*std::move(name)] = *std::move(value);
  }
  return target;
}

std::string percent_encode(std::string_view word) {
  std::string out;
  for (const char c : word) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain)
      out.push_back(c);
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace melon::net
