// To which side a clash goes that a merge cannot settle.
#pragma once

namespace tidemark {

enum class Winner { kMine, kTheirs };

}  // namespace tidemark
