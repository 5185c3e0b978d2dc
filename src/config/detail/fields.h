// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/units.h"
#include "config/document.h"
#include "vendors/words.h"

/// Values read from documents by tables of fields. One table of a struct says names, meanings and
/// members; reading, messages and the JSON schema derive from it.
namespace melon::config::detail {

/// JSON, as text: complete values that are only ever put together.
using Json = std::string;

/// A text as a JSON string.
Json json_string(std::string_view text);
/// "{a:b,c:d}" and "[a,b]" of complete parts.
Json object_of(std::span<const std::pair<std::string, Json>> members);
Json array_of(std::span<const Json> items);

using Members = std::vector<std::pair<std::string, Json>>;

/// One field of a T.
template <class T>
struct Field {
  std::string_view name;
  std::string_view text;  // what it means
  Result<> (*read)(const std::string& file, const Document& value, T& target);
  Json (*schema)();
  void (*write)(const T& source, std::string_view name, Members& out);  // unless it is the default
  bool required;
};

/// The fields of a struct; specialised for each struct that has a table.
template <class T>
std::span<const Field<T>> fields_of();

/// How a T stands in a document. The general case: a struct with a table.
template <class T>
struct Codec {
  static Result<T> read(const std::string& file, const Document& value) {
    T target;
    if (value.kind != Document::Kind::kMapping)
      return fail_at(file, value.line, "NAME: VALUE lines are expected here", known_names());
    for (const Document& item : value.items) {
      const Field<T>* const field = find(item.key);
      if (field == nullptr)
        return fail_at(file, item.line, fmt::format("'{}' is no field here", item.key),
                       known_names());
      MELON_RETURN_IF_ERROR(field->read(file, item, target));
    }
    for (const Field<T>& field : fields_of<T>())
      if (field.required && value.find(field.name) == nullptr)
        return fail_at(file, value.line, fmt::format("field '{}' is missing", field.name),
                       fmt::format("add {}: VALUE", field.name));
    return target;
  }

  static Json write(const T& value) {
    Members out;
    for (const Field<T>& field : fields_of<T>()) field.write(value, field.name, out);
    return object_of(out);
  }

  enum class Required { kAsInTable, kNone };
  static Json schema(Required rule = Required::kAsInTable) {
    Members properties;
    std::vector<Json> required;
    for (const Field<T>& field : fields_of<T>()) {
      // Every schema is an object; the description goes in front of its other members.
      const Json inner = field.schema();
      properties.emplace_back(field.name, fmt::format("{{\"description\":{},{}",
                                                      json_string(field.text), inner.substr(1)));
      if (field.required) required.push_back(json_string(field.name));
    }
    Members whole = {{"type", json_string("object")}};
    if (!required.empty() && rule == Required::kAsInTable)
      whole.emplace_back("required", array_of(required));
    whole.emplace_back("properties", object_of(properties));
    whole.emplace_back("additionalProperties", "false");
    return object_of(whole);
  }

 private:
  static const Field<T>* find(std::string_view name) {
    for (const Field<T>& field : fields_of<T>())
      if (field.name == name) return &field;
    return nullptr;
  }
  static std::string known_names() {
    std::string names;
    for (const Field<T>& field : fields_of<T>())
      names += fmt::format("{}{}", names.empty() ? "" : ", ", field.name);
    return "known fields are " + names;
  }
};

/// "what" in words for a value of the wrong shape.
inline tl::unexpected<Error> wrong_shape(const std::string& file, const Document& value,
                                         std::string_view what, std::string_view example) {
  return fail_at(file, value.line, fmt::format("{}: '{}' needs {}", value.key, value.key, what),
                 fmt::format("write {}: {}", value.key, example));
}

template <>
struct Codec<std::string> {
  static Result<std::string> read(const std::string& file, const Document& value) {
    if (value.kind == Document::Kind::kScalar) return value.scalar;
    return wrong_shape(file, value, "one value", "VALUE");
  }
  static Json write(const std::string& value) { return json_string(value); }
  static Json schema() { return R"({"type":"string"})"; }
};

template <>
struct Codec<bool> {
  static Result<bool> read(const std::string& file, const Document& value) {
    if (value.scalar == "true") return true;
    if (value.scalar == "false") return false;
    return wrong_shape(file, value, "true or false", "true");
  }
  static Json write(bool value) { return value ? "true" : "false"; }
  static Json schema() { return R"({"type":"boolean"})"; }
};

template <>
struct Codec<std::int64_t> {
  static constexpr std::int64_t kMost = std::int64_t{1} << 40;
  static Result<std::int64_t> read(const std::string& file, const Document& value) {
    std::int64_t number = 0;
    const char* const end = value.scalar.data() + value.scalar.size();
    const auto [rest, error] = std::from_chars(value.scalar.data(), end, number);
    if (error != std::errc{} || rest != end || value.kind != Document::Kind::kScalar ||
        number < 0 || number > kMost)
      return wrong_shape(file, value, "a whole number from 0 to 2^40", "100");
    return number;
  }
  static Json write(std::int64_t value) { return std::to_string(value); }
  static Json schema() {
    return fmt::format(R"({{"type":"integer","minimum":0,"maximum":{}}})", kMost);
  }
};

template <>
struct Codec<MiB> {
  static Result<MiB> read(const std::string& file, const Document& value) {
    MELON_TRY(const std::int64_t number, Codec<std::int64_t>::read(file, value));
    return MiB(number);
  }
  static Json write(MiB value) { return std::to_string(value.count()); }
  static Json schema() { return Codec<std::int64_t>::schema(); }
};

/// A word of a table (vendors/words.h).
template <class E>
requires std::is_enum_v<E>
struct Codec<E> {
  static Result<E> read(const std::string& file, const Document& value) {
    MELON_TRY(const std::string word, Codec<std::string>::read(file, value));
    const auto known = vendors::parse_word<E>(word);
    if (known) return *known;
    return fail_at(file, value.line,
                   value.key.empty() ? known.error().message
                                     : fmt::format("{}: {}", value.key, known.error().message),
                   known.error().remedy);
  }
  static Json write(E value) { return json_string(vendors::word_of(value)); }
  static Json schema() {
    std::vector<Json> words;
    for (const auto& known : vendors::Words<E>::kAll) words.push_back(json_string(known.second));
    return fmt::format(R"({{"enum":{}}})", array_of(words));
  }
};

template <class T>
struct Codec<std::optional<T>> {
  static Result<std::optional<T>> read(const std::string& file, const Document& value) {
    MELON_TRY(T inner, Codec<T>::read(file, value));
    return std::optional<T>(std::move(inner));
  }
  static Json write(const std::optional<T>& value) {
    return value ? Codec<T>::write(*value) : "null";
  }
  static Json schema() { return Codec<T>::schema(); }
};

template <class T>
struct Codec<std::vector<T>> {
  static Result<std::vector<T>> read(const std::string& file, const Document& value) {
    if (value.kind != Document::Kind::kSequence)
      return wrong_shape(file, value, "a list", "[VALUE, ...]");
    std::vector<T> items;
    for (const Document& item : value.items) {
      Document named = item;
      if (named.key.empty()) named.key = value.key;
      MELON_TRY(T one, Codec<T>::read(file, named));
      items.push_back(std::move(one));
    }
    return items;
  }
  static Json write(const std::vector<T>& value) {
    std::vector<Json> items;
    for (const T& item : value) items.push_back(Codec<T>::write(item));
    return array_of(items);
  }
  static Json schema() {
    return fmt::format(R"({{"type":"array","items":{}}})", Codec<T>::schema());
  }
};

template <class T>
struct Codec<std::map<std::string, T>> {
  static Result<std::map<std::string, T>> read(const std::string& file, const Document& value) {
    if (value.kind != Document::Kind::kMapping)
      return wrong_shape(file, value, "NAME: VALUE lines", "{NAME: VALUE}");
    std::map<std::string, T> entries;
    for (const Document& item : value.items) {
      MELON_TRY(T one, Codec<T>::read(file, item));
      entries.emplace(item.key, std::move(one));
    }
    return entries;
  }
  static Json write(const std::map<std::string, T>& value) {
    Members members;
    for (const auto& entry : value)
      members.emplace_back(entry.first, Codec<T>::write(entry.second));
    return object_of(members);
  }
  static Json schema() {
    return fmt::format(R"({{"type":"object","additionalProperties":{}}})", Codec<T>::schema());
  }
};

template <class Member>
struct MemberOf;
template <class T, class M>
struct MemberOf<M T::*> {
  using Struct = T;
  using Value = M;
};

enum class Presence { kOptional, kRequired };

/// The line of a table for one member.
template <auto kMember>
constexpr auto field(std::string_view name, std::string_view text,
                     Presence presence = Presence::kOptional) {
  using T = typename MemberOf<decltype(kMember)>::Struct;
  using M = typename MemberOf<decltype(kMember)>::Value;
  return Field<T>{name,
                  text,
                  [](const std::string& file, const Document& value, T& target) -> Result<> {
                    MELON_TRY(target.*kMember, Codec<M>::read(file, value));
                    return {};
                  },
                  [] { return Codec<M>::schema(); },
                  [](const T& source, std::string_view key, Members& out) {
                    static const T kDefault{};
                    if (source.*kMember != kDefault.*kMember)
                      out.emplace_back(key, Codec<M>::write(source.*kMember));
                  },
                  presence == Presence::kRequired};
}

}  // namespace melon::config::detail
