-- The order inside a lane, and who may be claimed. Ready is the head of a lane, unless it is a held
-- place or somebody is at work in the lane; deliveries without a lane are always heads.
--
-- lane:<#destination>:<destination>:<lane>          ZSET: what is pending and held there, by place;
--                                                   deliveries as marked ids, holds as `~<hold>`
-- holds:<#destination>:<destination>:<lane>:<#route>:<route>  ZSET: the holds of one route, by place
-- destinations                                      SET: all that something waited for; also makes their names
--                                                   known, as whatever waits first is ready, or behind a hold
-- fresh:<destination>, again:<destination>          ZSET: what is ready, by when it is due: without
--                                                   tries, and with

local function scoped(name, destination, rest)
    return key(name, #destination .. ':' .. destination .. ':' .. rest)
end

-- What a loan is about: a whole lane, or one delivery.
local function slot_of(row)
    return row.lane and 'l:' .. row.lane or 's:' .. row.id
end

local function kind_of(destination)
    return 'd:' .. destination
end

-- Where a delivery is while it may be claimed, and where it would be with or without tries.
local function ready_in(row)
    local fresh, again = key('fresh', row.to), key('again', row.to)
    if num(row.tries) > 0 then return again, fresh end
    return fresh, again
end

-- Lets a delivery be claimed that is not in the other one of the two sets.
local function offer(row, mine, other)
    -- Who found nothing waits to be called; who found more than it could take comes back by itself.
    local is, was = num(row.due), first_score(mine)
    if not was then redis.call('SADD', key('destinations'), row.to) end
    if not was or is < was then was = earlier(was, first_score(other)) end
    redis.call('ZADD', mine, row.due, mark(row.n, row.id))
    if not was or is < was then call_all('d:' .. row.to) else ring('d:' .. row.to) end
end

-- Lets a delivery be claimed, or not.
local function set_ready(row, is_ready)
    local member, mine, other = mark(row.n, row.id), ready_in(row)
    if is_ready then
        redis.call('ZREM', other, member)
        return offer(row, mine, other)
    end
    redis.call('ZREM', mine, member)
    redis.call('ZREM', other, member)
end

-- What readiness depends on, of a pending delivery.
local function waiting_row(id)
    local values = redis.call('HMGET', key('d', id), 'n', 'to', 'lane', 'tries', 'due')
    return {id = id, n = values[1], to = values[2], lane = values[3] or nil, tries = values[4], due = values[5]}
end

-- Marks the head of a lane, and whoever was pushed behind it, as what they are now.
function rare.refresh_lane(destination, name)
    local is_busy = loan_runs(kind_of(destination), 'l:' .. name)
    local first = redis.call('ZRANGE', scoped('lane', destination, name), 0, 1)
    for i, member in ipairs(first) do
        if string.sub(member, 1, 1) ~= '~' then
            set_ready(waiting_row(unmark(member)), i == 1 and not is_busy)
        end
    end
end

-- The same for the slot of a delivery that is pending.
function rare.refresh_slot(row)
    if row.lane then return rare.refresh_lane(row.to, row.lane) end
    set_ready(row, not loan_runs(kind_of(row.to), slot_of(row)))
end

-- Adds a delivery that became pending just now at its place; whether it is alone there. Nobody is at work on
-- it, nor in a lane in which nothing is.
local function join_lane(row)
    if not row.lane then
        offer(row, ready_in(row))
        return true
    end
    local name, member, place = scoped('lane', row.to, row.lane), mark(row.n, row.id), num(row.place or row.n)
    local head = redis.call('ZRANGE', name, '0', '0', 'WITHSCORES')
    redis.call('ZADD', name, row.place or row.n, member)
    if not head[1] then
        offer(row, ready_in(row))
        return true
    end
    local before = tonumber(head[2])
    if place < before or place == before and member < head[1] then rare.refresh_lane(row.to, row.lane) end
    return false
end

-- Lets nobody claim one that may still be offered.
function rare.withdraw(row)
    set_ready(row, false)
end

-- Lets the delivery be claimed that follows one in its lane.
function rare.advance(row, id, was_at_work)
    local is_busy = not was_at_work and loan_runs(kind_of(row.to), slot_of(row))
    if not is_busy then set_ready(waiting_row(id), true) end
end

-- Takes out one that is pending no more, and lets the next go; whether it was the last. `was_at_work`: its
-- loan was running until just now.
local function leave_lane(row, was_at_work)
    if not was_at_work then rare.withdraw(row) end
    if not row.lane then return true end
    local name = scoped('lane', row.to, row.lane)
    redis.call('ZREM', name, mark(row.n, row.id))
    local head = redis.call('ZRANGE', name, '0', '0')[1]
    if not head then return true end
    if string.sub(head, 1, 1) ~= '~' then rare.advance(row, unmark(head), was_at_work) end
    return false
end

-- Lets what these loans kept, which ran out, be claimed again.
function rare.take_back(destination, over)
    for _, slot in ipairs(over) do
        local what = string.sub(slot, 3)
        if string.sub(slot, 1, 2) == 'l:' then
            rare.refresh_lane(destination, what)
        elseif redis.call('HGET', key('d', what), 'state') == 'pending' then
            set_ready(waiting_row(what), true)
        end
    end
end

-- Notices which loans ran out; when the first of the others ends, or nil.
local function notice_ends(destination)
    local over, first_end = loans_over(kind_of(destination))
    if #over > 0 then rare.take_back(destination, over) end
    return first_end
end

local function holds_of(hold)
    return scoped('holds', hold.to, hold.lane .. ':' .. #hold.route .. ':' .. hold.route)
end

-- A hold as a member: where its receipt is, the receipt, and what the place is for.
local function hold_member(hold)
    return '~' .. table.concat({int(hold.from), hold.receipt, hold.event, hold.route}, ' ')
end

-- Tells the receipts whose holds are now the first of their route: their lookups may be made. Those of
-- one receipt do not wait for each other.
local function grant(hold)
    local first
    for _, member in ipairs(redis.call('ZRANGE', holds_of(hold), 0, 99)) do
        local from, id, event = string.match(member, '^~(%S+) (%S+) (%S+) ')
        if first and id ~= first then return end
        first = id
        local granted = {receipt = id, event = event, route = hold.route, to = hold.to, lane = hold.lane}
        send(from, 'granted', granted)
    end
end

-- Keeps a place: { from (the receipt's partition), receipt, event, route, to, lane, place }.
function handlers.hold(hold)
    local member = hold_member(hold)
    redis.call('SADD', key('destinations'), hold.to)
    redis.call('ZADD', scoped('lane', hold.to, hold.lane), hold.place, member)
    redis.call('ZADD', holds_of(hold), hold.place, member)
    grant(hold)
end

-- Lets a place go, and its lane with it.
function handlers.free(hold)
    local member = hold_member(hold)
    redis.call('ZREM', scoped('lane', hold.to, hold.lane), member)
    redis.call('ZREM', holds_of(hold), member)
    grant(hold)
    rare.refresh_lane(hold.to, hold.lane)
    ring('d:' .. hold.to)
end
