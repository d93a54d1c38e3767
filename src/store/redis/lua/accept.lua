-- Receipts that come in, each with its first outcome, and keys by which they are known again.
--
-- key:<#source>:<source>:<key>  STRING with a time to live: until when (caller's clock), and the receipt

-- The receipt that a key is remembered for at an instant, or nil.
local function first_of(name, at)
    local known = redis.call('GET', name)
    if not known then return nil end
    local expires, first = string.match(known, '^(%S+) (%S+)$')
    return tonumber(expires) > at and first or nil
end

-- Remembers a key in place of what is there, unless that still counts: for which receipt.
function rare.keep_over(name, text, life, at)
    local first = first_of(name, at)
    if not first then redis.call('SET', name, text, 'PX', life) end
    return first
end

-- Remembers the key of a receipt at an instant, unless it is remembered: for which one. The text decides; the
-- time to live only frees the memory, not before.
local function keep_key(name, id, expires, at)
    local text = int(expires) .. ' ' .. id
    local life = int(math.max(0, math.floor((expires - at) / 1000)) + 60000)
    if redis.call('SET', name, text, 'PX', life, 'NX') then return nil end
    return rare.keep_over(name, text, life, at)
end

local function key_name(source, text)
    return key('key', #source .. ':' .. source .. ':' .. text)
end

-- Remembers the key of a receipt that need not be here, unless it is remembered; 1 if it was not.
function ops.remember()
    return keep_key(key_name(A.source, A.key), A.id, A.expires, A.now) and 0 or 1
end

-- Whether a new receipt or one of its deliveries is here.
local function is_known(r, o)
    local names = {key('r', r.id)}
    for i, d in ipairs(o.deliveries) do names[i + 1] = key('d', d.id) end
    for i = 1, #names, 2000 do
        if redis.call('EXISTS', unpack(names, i, math.min(i + 1999, #names))) > 0 then return true end
    end
    return false
end

-- Refuses what is known, unless it came before by its key: the id of the first one then.
function rare.known_before(r, o, remembered)
    local first = remembered and first_of(remembered, r.at)
    if first then return first end
    if redis.call('EXISTS', key('r', r.id)) == 1 then
        return refuse('conflict', 'the receipt ' .. r.id .. ' is known')
    end
    return refuse('conflict', 'the delivery ' .. known_delivery(r.id, o) .. ' is known')
end

-- Writes a receipt, with its events and what it knows of its deliveries, which it counts already.
local function write(about, r, o)
    local at, pending = int(r.at), #o.deliveries + #(o.gathered or {})
    local flat = {
        'n', int(about.n), 'source', r.source, 'at', at, 'finished', at, 'state', o.state,
        'events', int(#o.events), 'deliveries', int(#o.deliveries), 'pending', int(pending),
    }
    local function add(name, value)
        if value then
            flat[#flat + 1] = name
            flat[#flat + 1] = value
        end
    end
    local first = o.events[1]
    if first then
        add('type', first.type)
        add('kind', first.kind)
        add('name', first.name)
    end
    add('reason', o.reason)
    add('correlations', o.correlations)
    tally_add(flat, r.source, o.events, 1)
    add_known(flat, o)
    call_with('HSET', key('r', r.id), flat)
    redis.call('SET', key('rb', r.id), blob(1))
    local member = mark(about.n, r.id)
    redis.call('ZADD', key('of', r.source), at, member)
    if o.state == 'failed' then redis.call('ZADD', key('failed'), at, member) end
    if pending == 0 then redis.call('ZADD', key(o.state == 'failed' and 'kept' or 'over'), at, r.id) end
    count_born(about.n, 1)
end

-- Writes a receipt, unless its key is remembered: what `follow` needs of it; or nil and the answer, which is
-- the first receipt's id, or why it is refused.
local function enter(r, o, line)
    local first, remembered = nil, r.key and key_name(r.source, r.key)
    if is_known(r, o) then
        first = rare.known_before(r, o, remembered)
    elseif remembered then
        first = keep_key(remembered, r.id, r.expires, r.at)
    end
    if type(first) == 'table' then return nil, first end
    if first then
        if redis.call('EXISTS', key('r', first)) == 1 then
            redis.call('HINCRBY', key('r', first), 'duplicates', '1')
        end
        return nil, first
    end
    local about = {
        id = r.id, n = number(), own = r.source == A.own and '1' or nil, places = {},
        may_hold = o.held and #o.held > 0,
    }
    for i, event in ipairs(o.events) do about.places[event.id] = i end
    number_all(line)
    write(about, r, o)
    return about
end

-- Writes a receipt with its outcome, unless its key is remembered. Answers the first receipt's id then. Of an
-- outcome with which nothing went wrong and from which nothing follows but deliveries.
function ops.accept()
    local o = A.outcome
    if lacks_words(o, A.receipt.at) then return LACKS_WORDS end
    local about, answer = enter(A.receipt, o, o.deliveries)
    if not about then return answer end
    for _, d in ipairs(o.deliveries) do deliver(about, o.events[d.event].id, d) end
    return ''
end

-- The same of any outcome.
function ops.accept_any()
    local r, o = A.receipt, complete(A.outcome)
    if lacks_words(o, r.at) then return LACKS_WORDS end
    local line = line_up(o)
    local about, answer = enter(r, o, line)
    if not about then return answer end
    for _, g in ipairs(o.gathered) do gather(about, o.events[g.event].id, g, r.at) end
    follow(about, o, line)
    if o.deferred then deferral.set(r.id, due(r.at), 0) end
    if o.reason then notice.failed(r.id, o.reason, r.at) end
    return ''
end
