// SPDX-License-Identifier: Apache-2.0
// Reads a pod's annotations, and compares devices with what they accept.
#include "vendors/demand.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>

namespace melon::vendors {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// The items between commas that are not blank.
std::vector<std::string> items_of(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    const auto item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    if (const auto text = trimmed(item); !text.empty()) items.emplace_back(text);
  }
  return items;
}

bool is_word_end(std::string_view text, std::size_t at) {
  constexpr std::string_view kBetween = " -_/";
  return at >= text.size() || kBetween.find(text[at]) != std::string_view::npos;
}

bool matches_type(const Backend& backend, std::string_view type, std::string_view selector,
                  Compatibility mode) {
  const std::string low_type = lowered(type);
  const std::string low_selector = lowered(selector);
  if (is_compatible(mode)) return low_type.find(low_selector) != std::string::npos;
  if (has_words(low_type, low_selector)) return true;
  return std::ranges::any_of(backend.selectors.type_prefixes, [&](const std::string& prefix) {
    const std::string low_prefix = lowered(prefix);
    return low_selector.starts_with(low_prefix) &&
           has_words(low_type, std::string_view(low_selector).substr(low_prefix.size()));
  });
}

void append_lists(std::span<const std::string> keys, const Annotations& annotations,
                  std::vector<std::string>& out) {
  for (const std::string& key : keys) {
    const auto found = annotations.find(key);
    if (found == annotations.end()) continue;
    std::ranges::move(items_of(found->second), std::back_inserter(out));
  }
}

/// HAMi 2.9 takes an empty list literally: every type contains the empty text.
void append_types(std::span<const std::string> keys, const Annotations& annotations,
                  Compatibility mode, std::vector<std::string>& out) {
  append_lists(keys, annotations, out);
  if (mode != Compatibility::kHami29) return;
  for (const std::string& key : keys) {
    const auto found = annotations.find(key);
    if (found != annotations.end() && trimmed(found->second).empty()) out.emplace_back();
  }
}

/// As Go's ParseBool; anything else is false.
bool is_true(const Annotations& annotations, const std::string& key) {
  const auto found = annotations.find(key);
  if (key.empty() || found == annotations.end()) return false;
  constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "true", "TRUE", "True"};
  return std::ranges::find(kTrue, found->second) != kTrue.end();
}

template <class E>
Result<E> read_class(const std::string& key, const Annotations& annotations, E otherwise) {
  const auto found = annotations.find(key);
  if (key.empty() || found == annotations.end()) return otherwise;
  const auto known = parse_word<E>(found->second);
  if (known) return *known;
  return fail(Code::kInvalidArgument, fmt::format("annotation {}: {}", key, known.error().message),
              known.error().remedy);
}

bool read_number(std::string_view text, std::int64_t& number) {
  text = trimmed(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

Result<Split> read_split(const Annotations& annotations) {
  const auto found = annotations.find(std::string(kSplitAnnotation));
  if (found == annotations.end()) return Split{};
  const auto parts = items_of(found->second);
  Split split;
  std::int64_t smallest = 0;
  const bool good =
      (parts.size() == 1 || parts.size() == 2) && read_number(parts.front(), split.most_pieces) &&
      split.most_pieces >= 1 && split.most_pieces <= 16 &&
      (parts.size() == 1 ||
       (read_number(parts.back(), smallest) && smallest >= 0 && smallest <= kWholeDevice.count()));
  split.smallest = Permille(smallest);
  if (good) return split;
  return fail(Code::kInvalidArgument,
              fmt::format("annotation {} '{}': not PIECES or PIECES,SMALLEST", kSplitAnnotation,
                          found->second),
              "write up to 16 pieces, and the smallest in thousandths of a device: 4,100");
}

}  // namespace

bool has_words(std::string_view text, std::string_view words) {
  if (words.empty()) return false;
  for (auto at = text.find(words); at != std::string_view::npos; at = text.find(words, at + 1)) {
    const bool starts = at == 0 || is_word_end(text, at - 1);
    if (starts && is_word_end(text, at + words.size())) return true;
  }
  return false;
}

bool accepts_type(const Selectors& selectors, const Backend& backend, std::string_view type,
                  Compatibility mode) {
  const auto matches = [&](const std::string& selector) {
    return matches_type(backend, type, selector, mode);
  };
  if (!selectors.use_types.empty() && std::ranges::none_of(selectors.use_types, matches))
    return false;
  return std::ranges::none_of(selectors.no_use_types, matches);
}

bool accepts_mode(const Selectors& selectors, std::string_view device_mode, Compatibility mode) {
  if (selectors.modes.empty()) return true;
  if (is_compatible(mode)) return selectors.modes.find(device_mode) != std::string::npos;
  const auto accepted = items_of(selectors.modes);
  return std::ranges::find(accepted, device_mode) != accepted.end();
}

Result<> read_annotations(const Backend& backend, const Annotations& annotations,
                          Compatibility mode, Demand& demand) {
  const SelectorKeys& keys = backend.selectors;
  Selectors& selectors = demand.selectors;
  append_types(keys.use_type, annotations, mode, selectors.use_types);
  append_types(keys.no_use_type, annotations, mode, selectors.no_use_types);
  append_lists(keys.use_uuid, annotations, selectors.use_uuids);
  append_lists(keys.no_use_uuid, annotations, selectors.no_use_uuids);
  selectors.numa_bind = is_true(annotations, keys.numa_bind);
  selectors.topology = is_true(annotations, keys.topology);
  if (const auto found = annotations.find(keys.mode);
      !keys.mode.empty() && found != annotations.end())
    selectors.modes = found->second;
  const SoftMode& soft = backend.soft_mode;
  const auto asked = annotations.find(soft.annotation);
  demand.soft =
      !soft.annotation.empty() && asked != annotations.end() && asked->second == soft.value;
  const Qos usual = keys.qos.empty() ? Qos::kNone : Qos::kBestEffort;
  MELON_TRY(demand.qos, read_class(keys.qos, annotations, usual));
  MELON_TRY(demand.app_class, read_class(keys.app_class, annotations, AppClass::kNone));
  MELON_TRY(demand.split, read_split(annotations));
  return {};
}

}  // namespace melon::vendors
