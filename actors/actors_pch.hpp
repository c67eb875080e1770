// Precompiled for actors/: the headers that every actor includes.
#include <caf/all.hpp>

#include <boost/json.hpp>

#include "actors/interfaces.hpp"
