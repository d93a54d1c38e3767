-- What kind of state this is.
--
-- meta  HASH (at home): format, parts (into how many partitions it is cut)

local state = {}

local FORMAT = 3

-- The keys whose names are fixed.
local KINDS = {
    string = {'number', 'token', 'noticed', 'batched', 'pulse'},
    hash = {
        'meta', 'sent', 'seen', 'gateways', 'ledger', 'conditions', 'newest', 'born', 'waits', 'words',
        'loans:deferred', 'loans:batches',
    },
    set = {'destinations'},
    zset = {
        'failed', 'over', 'kept', 'deferrals', 'deferred', 'dead', 'notices', 'newest_by', 'words_used', 'open',
        'ripe', 'ends:deferred', 'ends:batches',
    },
}

-- The first key that is not of its kind, what it is, and what it should be; nil if all are.
local function foreign()
    for kind, names in pairs(KINDS) do
        for _, name in ipairs(names) do
            local is = redis.call('TYPE', key(name)).ok
            if is ~= 'none' and is ~= kind then return key(name), is, kind end
        end
    end
end

-- Why this version, with this config, must not work on what is there; nil: it may.
local function mismatch(meta)
    if num(meta.format) ~= FORMAT then
        return 'the state under ' .. base .. '* has format ' .. tostring(meta.format) .. ' and this version '
            .. 'knows format ' .. FORMAT .. ': start the version that wrote it, or choose another `prefix`'
    end
    if num(meta.parts) ~= A.parts then
        return 'the state under ' .. base .. '* is cut into ' .. tostring(meta.parts) .. ' partitions and the '
            .. 'config says ' .. A.parts .. ': set `partitions` to ' .. tostring(meta.parts)
            .. ', or choose another `prefix` for a new state'
    end
end

local function write_meta()
    put(key('meta'), {format = FORMAT, parts = A.parts})
end

-- A gateway comes. Home, which is asked last, notes what kind of state a new one is.
function ops.enter()
    local name, is, kind = foreign()
    if name then
        return refuse('conflict', 'the key ' .. name .. ' is a ' .. is .. ' where the state keeps a ' .. kind
            .. ': something else uses its prefix; choose another `prefix`, or delete the key')
    end
    if HERE ~= HOME then return end
    local meta = hash(key('meta'))
    if not meta then return write_meta() end
    local why = mismatch(meta)
    if why then return refuse('conflict', why) end
end

-- Whether home lost what it had; it is a new state then.
function state.is_lost()
    if redis.call('EXISTS', key('meta')) == 1 then return false end
    write_meta()
    return true
end
