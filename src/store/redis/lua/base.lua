-- What everything else rests on: names of keys, numbers, time, messages to other partitions, the answer.
--
-- number       STRING: the last number given (at home only)
-- sent         HASH: per partition the number of the last message to it
-- out:<part>   ZSET: messages that it may not have got yet, by number
-- seen         HASH: per partition the number of the last message from it

local base = KEYS[1] .. ':'
-- What is asked. Absent means nil, as the gateway writes no nulls.
local A = cjson.decode(ARGV[2])
-- The number of this partition; 0 is home.
local HERE, HOME = A.part, 0

-- The files that follow put their functions here. Those in `rare`, and all that only they need, come into being
-- when one of them is called: every function costs time at every run, called or not.
local ops, handlers, rare = {}, {}, {}

local function key(name, what)
    return what and base .. name .. ':' .. what or base .. name
end

-- The i-th of what was sent along uninterpreted.
local function blob(i)
    return ARGV[2 + i]
end

-- Whole numbers as text; the quick way only works where the server's `long` has 64 bits.
local WHOLE = string.format('%d', 2 ^ 40) == '1099511627776' and '%d' or '%.0f'

-- A whole number as text. `..` and `tostring` would print 14 digits only. Commands get texts as well: a number
-- is printed as a double there, which takes longer than many a command.
local function int(n)
    return string.format(WHOLE, n)
end

local function num(text)
    return tonumber(text) or 0
end

-- A member that sorts by number where scores are equal.
local function mark(n, id)
    local digits = type(n) == 'string' and n or int(n)
    return string.rep('0', 16 - #digits) .. digits .. id
end

local function unmark(member)
    return string.sub(member, 17)
end

-- A hash as a table, or nil.
local function hash(name)
    local flat = redis.call('HGETALL', name)
    if #flat == 0 then return nil end
    local row = {}
    for i = 1, #flat, 2 do row[flat[i]] = flat[i + 1] end
    return row
end

-- A command with arguments behind the key that may be more than Lua passes on at once.
local function call_with(command, name, arguments)
    for i = 1, #arguments, 2000 do
        redis.call(command, name, unpack(arguments, i, math.min(i + 1999, #arguments)))
    end
end

-- Writes what is there of a table into a hash.
local function put(name, row)
    local flat = {}
    for what, value in pairs(row) do
        flat[#flat + 1] = what
        flat[#flat + 1] = value
    end
    call_with('HSET', name, flat)
end

-- The score of the first member of a sorted set, or nil.
local function first_score(name)
    return tonumber(redis.call('ZRANGE', name, '0', '0', 'WITHSCORES')[2])
end

-- Forgets fields of a hash whose scores in a sorted set go up to this, A.limit of them at most; how many.
local function forget_upto(scores, fields, upto)
    local over = redis.call('ZRANGEBYSCORE', key(scores), '-inf', upto, 'LIMIT', 0, A.limit)
    if #over > 0 then
        redis.call('ZREM', key(scores), unpack(over))
        redis.call('HDEL', key(fields), unpack(over))
    end
    return #over
end

-- The earlier of two instants that may be missing.
local function earlier(a, b)
    if a and b then return math.min(a, b) end
    return a or b
end

-- The server's time and the time that leases and dues are kept in, in microseconds.
local clock = redis.call('TIME')
local REAL = clock[1] * 1000000 + clock[2]
local T = A.by_hand and A.now or REAL

-- An instant of the caller's clock in that time.
local function due(at)
    return T + (at - A.now)
end

-- And back: when that is by the caller's clock, as text; empty for nil.
local function told(at)
    return at and int(A.now + (at - T)) or ''
end

-- What is due of a sorted set of marked ids by instants, the first so many; and when the next is.
local function due_of(name, limit)
    local flat, found = redis.call('ZRANGE', name, '0', int(limit), 'WITHSCORES'), {}
    for i = 1, #flat, 2 do
        local at = tonumber(flat[i + 1])
        if at > T or #found >= limit then return found, at end
        found[#found + 1] = {id = unmark(flat[i]), member = flat[i], due = at, set = name}
    end
    return found, nil
end

local drawn = A.number

-- Takes so many numbers of those that a key counts; the first of them.
local function take(name, count)
    local last = num(redis.call('SET', name, int(REAL + count - 1), 'GET'))
    if last < REAL then return REAL end
    redis.call('SET', name, int(last + count))
    return last + 1
end

-- The next number: of those that the gateway drew before, or of home's where that is here.
local function number()
    local n = drawn or take(key('number'), A.numbers or 1)
    drawn = n + 1
    return n
end

-- What the gateway is told besides the answer: bells to ring, and messages to carry.
local rung, carried = {}, {}

-- Who waits in this process may look: `d:<destination>` or `e:<errand>`; or may look later than was said:
-- `later:<errand>`.
local function ring(bell)
    rung[bell] = true
end

local called = {}

-- The same in all processes.
local function call_all(bell)
    rung[bell] = true
    called[bell] = true
end

-- Who asks gets what was found just now, and need not be told.
local function hush()
    rung = {}
end

-- Changes another partition, exactly once, after what was sent to it before.
local function send(to, kind, message)
    to = tonumber(to)
    if to == HERE then return handlers[kind](message) end
    local before = num(redis.call('HGET', key('sent'), to))
    -- Greater than all before, even if the last ones were lost with a server's memory.
    local n = math.max(before + 1, REAL)
    redis.call('HSET', key('sent'), to, int(n))
    local packed = cmsgpack.pack({n, before, kind, message})
    redis.call('ZADD', key('out', to), n, packed)
    carried[#carried + 1] = {to, int(n), packed}
end

-- The answer of an operation that refuses; nothing may have been written before.
local function refuse(kind, text)
    return {refused = kind, text = text}
end

-- Applies messages that have not been seen, in order. Answers `gap` at one whose predecessor has not
-- come yet, except before the oldest that its sender still has (A.oldest): those before it came, even if
-- this partition has forgotten that.
function ops.receive()
    local seen = num(redis.call('HGET', key('seen'), A.from))
    for i = 3, #ARGV do
        local n, before, kind, message = unpack(cmsgpack.unpack(ARGV[i]))
        if n > seen then
            if before > seen and not (A.oldest and i == 3) then return 'gap' end
            handlers[kind](message)
            seen = n
            redis.call('HSET', key('seen'), A.from, int(seen))
        end
    end
end

-- Forgets messages that arrived.
function ops.trim()
    redis.call('ZREMRANGEBYSCORE', key('out', A.to), '-inf', int(A.upto))
end

-- The oldest messages to a partition that may not have arrived.
function ops.left()
    local flat, left = redis.call('ZRANGE', key('out', A.to), 0, A.limit - 1, 'WITHSCORES'), {}
    for i = 1, #flat, 2 do left[#left + 1] = {A.to, int(tonumber(flat[i + 1])), flat[i]} end
    return left
end

-- The partitions that may not have got all messages.
function ops.owed()
    local owed = {}
    for to = 0, A.parts - 1 do
        if redis.call('EXISTS', key('out', to)) == 1 then owed[#owed + 1] = to end
    end
    return owed
end

-- Numbers for an operation in another partition.
function ops.number()
    return int(take(key('number'), A.numbers))
end
