-- Follows the function that makes what is rarely needed, in scripts that have any: runs it when the first of
-- that is called.

local seldom = {}
function seldom.__index(of, name)
    setmetatable(rare, nil)
    setmetatable(handlers, nil)
    unfold()
    return of[name]
end
setmetatable(rare, seldom)
setmetatable(handlers, seldom)

