// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace melon::placement::detail {

/// Which slot of an array belongs to an id. The ids themselves lie in the array: the caller tells
/// of a slot which id it has. Half a cache line is read for most look-ups, and nothing is allocated
/// for a single id.
///  I1  Between the place of an id's hash and the place where it lies no place is empty.
///  I2  At most half of the places are taken.
class IdTable {
 public:
  template <class IdOf>
  std::optional<std::uint32_t> find(std::string_view id, IdOf id_of) const {
    if (count_ == 0) return std::nullopt;
    const std::uint32_t hash = hash_of(id);
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      const Place& place = places_[at];
      if (place.slot == kEmpty) return std::nullopt;
      if (place.hash == hash && id_of(place.slot) == id) return place.slot;
    }
  }

  /// The id must not be there.
  void add(std::string_view id, std::uint32_t slot) {
    if ((count_ + 1) * 2 > places_.size()) grow();
    put({hash_of(id), slot});
    ++count_;
  }

  /// The id must be there, with this slot.
  void remove(std::string_view id, std::uint32_t slot) {
    std::size_t hole = hash_of(id) & mask();
    while (places_[hole].slot != slot) hole = (hole + 1) & mask();
    // What lies behind moves up, unless that would put it before the place of its hash.
    for (std::size_t at = (hole + 1) & mask(); places_[at].slot != kEmpty; at = (at + 1) & mask()) {
      const std::size_t wanted = places_[at].hash & mask();
      if (((at - wanted) & mask()) < ((at - hole) & mask())) continue;
      places_[hole] = places_[at];
      hole = at;
    }
    places_[hole] = {};
    --count_;
  }

  std::size_t size() const { return count_; }

 private:
  static constexpr std::uint32_t kEmpty = ~std::uint32_t{0};
  static constexpr std::size_t kLeast = 16;
  struct Place {
    std::uint32_t hash = 0;
    std::uint32_t slot = kEmpty;
  };

  static std::uint32_t hash_of(std::string_view id) {
    return static_cast<std::uint32_t>(std::hash<std::string_view>{}(id));
  }
  std::size_t mask() const { return places_.size() - 1; }

  void put(Place place) {
    std::size_t at = place.hash & mask();
    while (places_[at].slot != kEmpty) at = (at + 1) & mask();
    places_[at] = place;
  }

  void grow() {
    std::vector<Place> old(places_.empty() ? kLeast : places_.size() * 2);
    old.swap(places_);
    for (const Place& place : old)
      if (place.slot != kEmpty) put(place);
  }

  std::vector<Place> places_;  // a power of two
  std::size_t count_ = 0;
};

}  // namespace melon::placement::detail
