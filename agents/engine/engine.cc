#include "agents/engine/engine.h"
